import { lookUpHarbour, openaiSettings, withPython } from "./sdk.mjs";

export default {
  name: "openai-python",
  tool: "openai-sdk",
  doc: "OpenAI SDK",
  documented: ["OPENAI_BASE_URL", "OPENAI_API_KEY"],
  python: true,
  conversations: [
    { id: "chat", wire: "openai-chat", streamed: false },
    { id: "chat-tool", wire: "openai-chat", streamed: true, tool: lookUpHarbour },
    { id: "responses", wire: "openai-responses", streamed: false },
    { id: "responses-tool", wire: "openai-responses", streamed: true, tool: lookUpHarbour },
  ],
  prints: ["assistant translated stub-model"],
  run: withPython("openai-python.py", openaiSettings),
};
