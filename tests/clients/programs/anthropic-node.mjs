// The Anthropic SDK for Node: ANTHROPIC_BASE_URL and ANTHROPIC_AUTH_TOKEN say where and who.
import Anthropic from "@anthropic-ai/sdk";
import { description, lookUp, model, parameters, prompts, say, tool } from "./support.mjs";

const client = new Anthropic();
const max_tokens = 64;
const ask = (id) => [{ role: "user", content: prompts[id] }];
const text = (message) =>
  message.content
    .filter(({ type }) => type === "text")
    .map((block) => block.text)
    .join("");

say("create", text(await client.messages.create({ model, max_tokens, messages: ask("create") })));
say("again", text(await client.messages.create({ model, max_tokens, messages: ask("again") })));
say(
  "beta",
  text(
    await client.beta.messages.create({
      model,
      max_tokens,
      messages: ask("beta"),
      betas: ["context-1m-2025-08-07"],
    }),
  ),
);

const messages = ask("tool");
for (let turn = 0; turn < 4; turn += 1) {
  const message = await client.messages
    .stream({
      model,
      max_tokens,
      messages,
      tools: [{ name: tool, description, input_schema: parameters }],
    })
    .finalMessage();
  const calls = message.content.filter(({ type }) => type === "tool_use");
  if (calls.length === 0) {
    say("tool", text(message));
    break;
  }
  messages.push({ role: "assistant", content: message.content });
  messages.push({
    role: "user",
    content: calls.map(({ id, input }) => ({ type: "tool_result", tool_use_id: id, content: lookUp(input) })),
  });
}

const { input_tokens } = await client.messages.countTokens({ model, messages: ask("create") });
say("count", `counted ${input_tokens}`);
const models = await client.models.list();
say("models", models.data.map(({ id }) => id).join(" "));
