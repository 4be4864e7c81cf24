import { lookUpHarbour, withNode } from "./sdk.mjs";

export default {
  name: "vercel-ai",
  tool: "vercel-ai",
  doc: "Vercel AI SDK",
  documented: ["createOpenAI({baseURL:", "createAnthropic({baseURL:"],
  packages: ["ai", "@ai-sdk/openai", "@ai-sdk/anthropic"],
  conversations: [
    { id: "chat", wire: "openai-chat", streamed: false },
    { id: "chat-tool", wire: "openai-chat", streamed: true, tool: lookUpHarbour },
    { id: "responses", wire: "openai-responses", streamed: false },
    { id: "responses-tool", wire: "openai-responses", streamed: true, tool: lookUpHarbour },
    { id: "messages", wire: "anthropic-messages", streamed: false },
    { id: "messages-tool", wire: "anthropic-messages", streamed: true, tool: lookUpHarbour },
  ],
  run: withNode("vercel-ai.mjs", ({ url, key }) => ({ HONE_URL: url, HONE_KEY: key })),
};
