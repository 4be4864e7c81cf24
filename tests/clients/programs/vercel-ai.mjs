// The Vercel AI SDK with its providers for OpenAI and Anthropic.
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { generateText, jsonSchema, stepCountIs, streamText, tool as makeTool } from "ai";
import { description, lookUp, model, parameters, prompts, say, tool } from "./support.mjs";

const { HONE_URL, HONE_KEY } = process.env;
const openai = createOpenAI({ baseURL: `${HONE_URL}/v1`, apiKey: HONE_KEY });
const anthropic = createAnthropic({ baseURL: `${HONE_URL}/v1`, apiKey: HONE_KEY });
const tools = { [tool]: makeTool({ description, inputSchema: jsonSchema(parameters), execute: lookUp }) };

// Its answer after the tool has been called, streamed.
async function withTool(id, languageModel) {
  const result = streamText({ model: languageModel, prompt: prompts[id], tools, stopWhen: stepCountIs(4) });
  let text = "";
  for await (const piece of result.textStream) text += piece;
  say(id, text);
}

say("chat", (await generateText({ model: openai.chat(model), prompt: prompts.chat })).text);
await withTool("chat-tool", openai.chat(model));
say("responses", (await generateText({ model: openai.responses(model), prompt: prompts.responses })).text);
await withTool("responses-tool", openai.responses(model));
say("messages", (await generateText({ model: anthropic(model), prompt: prompts.messages })).text);
await withTool("messages-tool", anthropic(model));
