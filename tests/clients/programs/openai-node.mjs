// The OpenAI SDK for Node: OPENAI_BASE_URL and OPENAI_API_KEY say where and who.
import OpenAI from "openai";
import { description, lookUp, model, parameters, prompts, say, tool } from "./support.mjs";

const client = new OpenAI();
const ask = (id) => [{ role: "user", content: prompts[id] }];

const chat = await client.chat.completions.create({ model, messages: ask("chat") });
say("chat", chat.choices[0].message.content);

const again = await client.chat.completions.create({ model, messages: ask("chat-again") });
say("chat-again", again.choices[0].message.content);

const runner = client.chat.completions.runTools({
  model,
  messages: ask("chat-tool"),
  stream: true,
  stream_options: { include_usage: true },
  tools: [
    {
      type: "function",
      function: { name: tool, description, parameters, parse: JSON.parse, function: lookUp },
    },
  ],
});
say("chat-tool", await runner.finalContent());

const response = await client.responses.create({ model, input: prompts.responses });
say("responses", response.output_text);

const input = ask("responses-tool");
for (let turn = 0; turn < 4; turn += 1) {
  const answer = await client.responses
    .stream({
      model,
      input,
      store: false,
      tools: [{ type: "function", name: tool, description, parameters, strict: true }],
    })
    .finalResponse();
  const calls = answer.output.filter((item) => item.type === "function_call");
  if (calls.length === 0) {
    say("responses-tool", answer.output_text);
    break;
  }
  input.push(...answer.output);
  for (const { call_id, arguments: given } of calls) {
    input.push({ type: "function_call_output", call_id, output: lookUp(JSON.parse(given)) });
  }
}

const models = await client.models.list();
say("models", models.data.map(({ id }) => id).join(" "));
