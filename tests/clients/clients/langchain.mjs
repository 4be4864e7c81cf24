import { lookUpHarbour, withNode } from "./sdk.mjs";

export default {
  name: "langchain",
  tool: "langchain",
  doc: "LangChain",
  documented: ["configuration: {baseURL:", "apiKey"],
  packages: ["@langchain/core", "@langchain/openai"],
  conversations: [
    { id: "chat", wire: "openai-chat", streamed: false },
    { id: "chat-tool", wire: "openai-chat", streamed: true, tool: lookUpHarbour },
    { id: "responses", wire: "openai-responses", streamed: false },
    { id: "responses-tool", wire: "openai-responses", streamed: true, tool: lookUpHarbour },
  ],
  run: withNode("langchain.mjs", ({ url, key }) => ({
    HONE_URL: url,
    HONE_KEY: key,
    LANGSMITH_TRACING: "false",
  })),
};
