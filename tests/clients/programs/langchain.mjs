// LangChain for JavaScript, with its package for OpenAI.
import { HumanMessage } from "@langchain/core/messages";
import { tool as makeTool } from "@langchain/core/tools";
import { ChatOpenAI } from "@langchain/openai";
import { description, lookUp, model, parameters, prompts, say, tool } from "./support.mjs";

const { HONE_URL, HONE_KEY } = process.env;
const settings = { model, apiKey: HONE_KEY, configuration: { baseURL: `${HONE_URL}/v1` } };
const chat = new ChatOpenAI(settings);
const responses = new ChatOpenAI({ ...settings, useResponsesApi: true });
const look = makeTool(lookUp, { name: tool, description, schema: parameters });

// Its answer after the tool has been called, streamed.
async function withTool(id, languageModel) {
  const bound = languageModel.bindTools([look]);
  const messages = [new HumanMessage(prompts[id])];
  for (let turn = 0; turn < 4; turn += 1) {
    let answer = null;
    for await (const chunk of await bound.stream(messages)) answer = answer ? answer.concat(chunk) : chunk;
    messages.push(answer);
    if (!answer.tool_calls?.length) return say(id, answer.text);
    for (const call of answer.tool_calls) messages.push(await look.invoke(call));
  }
}

say("chat", (await chat.invoke(prompts.chat)).text);
await withTool("chat-tool", chat);
say("responses", (await responses.invoke(prompts.responses)).text);
await withTool("responses-tool", responses);
