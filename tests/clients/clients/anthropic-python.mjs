import { anthropicSettings, lookUpHarbour, withPython } from "./sdk.mjs";

export default {
  name: "anthropic-python",
  tool: "anthropic-sdk",
  doc: "Anthropic SDK",
  documented: ["ANTHROPIC_BASE_URL", "ANTHROPIC_AUTH_TOKEN"],
  python: true,
  conversations: [
    { id: "create", wire: "anthropic-messages", streamed: false },
    { id: "async", wire: "anthropic-messages", streamed: false },
    { id: "tool", wire: "anthropic-messages", streamed: true, tool: lookUpHarbour },
  ],
  prints: ["counted 42", "assistant translated stub-model"],
  run: withPython("anthropic-python.py", anthropicSettings),
};
