import { anthropicSettings, lookUpHarbour, withNode } from "./sdk.mjs";

export default {
  name: "anthropic-node",
  quick: true,
  tool: "anthropic-sdk",
  doc: "Anthropic SDK",
  documented: ["ANTHROPIC_BASE_URL", "ANTHROPIC_AUTH_TOKEN"],
  packages: ["@anthropic-ai/sdk"],
  conversations: [
    { id: "create", wire: "anthropic-messages", streamed: false },
    { id: "again", wire: "anthropic-messages", streamed: false, fails_first: true },
    { id: "beta", wire: "anthropic-messages", streamed: false },
    { id: "tool", wire: "anthropic-messages", streamed: true, tool: lookUpHarbour },
  ],
  prints: ["counted 42", "assistant translated stub-model"],
  run: withNode("anthropic-node.mjs", anthropicSettings),
};
