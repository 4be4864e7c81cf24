import { lookUpHarbour, openaiSettings, withNode } from "./sdk.mjs";

export default {
  name: "openai-node",
  quick: true,
  tool: "openai-sdk",
  doc: "OpenAI SDK",
  documented: ["OPENAI_BASE_URL", "OPENAI_API_KEY"],
  packages: ["openai"],
  conversations: [
    { id: "chat", wire: "openai-chat", streamed: false },
    { id: "chat-again", wire: "openai-chat", streamed: false, fails_first: true },
    { id: "chat-tool", wire: "openai-chat", streamed: true, tool: lookUpHarbour },
    { id: "responses", wire: "openai-responses", streamed: false },
    { id: "responses-tool", wire: "openai-responses", streamed: true, tool: lookUpHarbour },
  ],
  prints: ["assistant translated stub-model"],
  run: withNode("openai-node.mjs", openaiSettings),
};
