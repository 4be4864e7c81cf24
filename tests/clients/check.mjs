// What must be true after a client has run: it got every answer, and the store holds each of its calls
// whole. What was said is known from the upstream's own list, so nothing here is taken on trust.
import { isDeepStrictEqual } from "node:util";
import { formats } from "./answers.mjs";
import { RESULT } from "./programs/support.mjs";

const texts = (message) =>
  (message?.content ?? [])
    .filter((part) => part.type === "text")
    .map((part) => part.text)
    .join("");
const toolCalls = (message) => (message?.content ?? []).filter((part) => part.type === "tool_call");

// `outcome` is what the client's programs printed, `stored` its interactions, oldest first, `handles` by
// interaction. `must(holds, message)` is told each thing that is looked at.
export function checkClient(client, place, outcome, upstream, stored, handles, must) {
  for (const problem of upstream.problems) must(false, `the upstream saw: ${problem}`);
  for (const { id, answer } of place.conversations) {
    must(outcome.includes(answer), `${id}: the client did not print the answer '${answer}'`);
  }
  for (const expected of client.prints ?? [])
    must(outcome.includes(expected), `the client did not print '${expected}'`);
  must(
    stored.length === upstream.served.length,
    `${upstream.served.length} calls were answered, ${stored.length} are in the store`,
  );

  const found = [];
  for (const said of upstream.served) {
    const name = `${said.conversation} (${said.wire}, ${said.kind}, call ${said.number})`;
    const interaction = stored.find(({ id }) => handles.get(id)?.request?.includes(said.request_id));
    must(interaction, `${name}: no interaction has the handle ${said.request_id}`);
    if (!interaction) continue;
    found.push({ said, interaction });
    checkFacts(client, place, said, interaction, (holds, what) => must(holds, `${name}: ${what}`));
    checkContent(place, said, interaction, (holds, what) => must(holds, `${name}: ${what}`));
    checkHandles(place, said, handles.get(interaction.id), (holds, what) => must(holds, `${name}: ${what}`));
  }
  for (const conversation of place.conversations) {
    checkConversation(conversation, found, (holds, what) => must(holds, `${conversation.id}: ${what}`));
  }
  if (client.session) checkSessions(place.conversations, found, handles, must);
}

// A conversation and the one that it follows are one session.
function checkSessions(conversations, found, handles, must) {
  const sessions = {};
  for (const { said, interaction } of found) {
    const { id, follows } = conversations.find((conversation) => conversation.id === said.conversation) ?? {};
    (sessions[follows ?? id] ??= []).push(handles.get(interaction.id)?.session?.[0]);
  }
  for (const [id, seen] of Object.entries(sessions)) {
    must(
      seen.every((session) => session && session === seen[0]),
      `${id}: one session has the handles ${seen}`,
    );
  }
  const different = new Set(Object.values(sessions).map(([session]) => session));
  must(different.size === Object.keys(sessions).length, "two sessions have one handle");
}

// The spelling of the format that the client speaks.
const stopReason = (wire, kind) =>
  Object.values(formats).find((format) => format.wire === wire)?.stopReasons[kind] ?? "";

function checkFacts(client, place, said, interaction, must) {
  const { wire, translated } = place.conversations.find(({ id }) => id === said.conversation) ?? {};
  const facts = {
    person: place.person,
    team: place.team,
    tool: client.tool,
    wire,
    alias: translated ? "translated" : "assistant",
    model: said.model,
    upstream: translated ? "chat-only" : "stub",
    status: said.status,
    streamed: said.streamed ? 1 : 0,
    stop_reason: stopReason(wire, said.kind),
    prompt_tokens: said.prompt_tokens,
    completion_tokens: said.completion_tokens,
    error: said.error ?? "",
    content: "stored",
  };
  if (said.status !== 200) facts.streamed = interaction.streamed; // an error is never a stream
  for (const [fact, expected] of Object.entries(facts)) {
    must(interaction[fact] === expected, `${fact} is '${interaction[fact]}', not '${expected}'`);
  }
  must(
    interaction.started_at >= place.began && interaction.started_at <= Date.now(),
    "started at another time",
  );
  must(
    interaction.duration_ms >= interaction.first_byte_ms && interaction.first_byte_ms >= 0,
    "took no time, or less than its first byte",
  );
}

function checkContent(place, said, interaction, must) {
  const { prompt } = place.conversations.find(({ id }) => id === said.conversation) ?? {};
  const asked = (interaction.context ?? []).some(
    (message) => message.role === "user" && texts(message).includes(prompt),
  );
  must(asked, "the prompt is not in its context");
  const output = interaction.output ?? [];
  if (said.status !== 200) return must(output.length === 0, "an error has an output");
  must(
    output.length === 1 && output[0].role === "assistant",
    `its output is ${JSON.stringify(output).slice(0, 400)}`,
  );
  must(texts(output[0]) === (said.text ?? ""), `its text is '${texts(output[0])}', not '${said.text ?? ""}'`);
  const calls = toolCalls(output[0]).map(({ id, name, arguments: given }) => ({
    id,
    name,
    arguments: given,
  }));
  const expected = said.tool_call ? [said.tool_call] : [];
  must(
    isDeepStrictEqual(calls, expected),
    `its tool calls are ${JSON.stringify(calls)}, not ${JSON.stringify(expected)}`,
  );
}

function checkHandles(place, said, handles, must) {
  // A translated answer has an id of ours.
  const { translated } = place.conversations.find(({ id }) => id === said.conversation) ?? {};
  const known = translated ? handles.response?.length === 1 : handles.response?.includes(said.response_id);
  if (said.status === 200) must(known, "the response's id is no handle");
  if (said.tool_call) must(handles.tool_call?.includes(said.tool_call.id), "the tool call's id is no handle");
}

// A conversation's calls are one chain: each context is the one before, its answer, and what followed.
function checkConversation(conversation, found, must) {
  const calls = found.filter(
    ({ said }) => said.conversation === conversation.id && !said.aside && said.kind !== "error",
  );
  must(calls.length === (conversation.tool ? 2 : 1), `${calls.length} calls`);
  if (conversation.fails_first) {
    const failed = found.filter(({ said }) => said.conversation === conversation.id && said.kind === "error");
    must(failed.length === 1, `failed ${failed.length} times, not once`);
    must(
      isDeepStrictEqual(failed[0]?.interaction.context, calls[0]?.interaction.context),
      "tried again with another context",
    );
  }
  for (const { said } of calls) {
    const wire = conversation.translated ? "openai-chat" : conversation.wire;
    must(said.wire === wire, `reached the upstream as ${said.wire}, not as ${wire}`);
    must(
      said.streamed === conversation.streamed,
      `streamed is ${said.streamed}, not ${conversation.streamed}`,
    );
  }
  if (conversation.tool && calls.length === 2) {
    const follows = checkChain(calls[0].interaction, calls[1].interaction, must);
    const result = follows.find((message) => message.role === "tool");
    const part = result?.content?.find(({ id }) => id === calls[0].said.tool_call.id);
    must(
      JSON.stringify(part ?? "").includes(RESULT),
      `the tool's result is ${JSON.stringify(follows).slice(0, 400)}`,
    );
  }
  if (conversation.follows) {
    const before = found
      .filter(({ said }) => said.conversation === conversation.follows && !said.aside)
      .at(-1);
    must(before, "nothing that it could follow");
    const without = conversation.forgets_thinking ? withoutThinking : (interaction) => interaction;
    if (before && calls[0]) checkChain(without(before.interaction), without(calls[0].interaction), must);
  }
}

function withoutThinking({ context, output }) {
  const strip = (message) => ({
    ...message,
    content: message.content.filter(({ type }) => type !== "thinking"),
  });
  return { context: context.map(strip), output: output.map(strip) };
}

// Returns what stands after the first one's answer in the second one's context.
function checkChain(first, second, must) {
  const before = [...(first.context ?? []), ...(first.output ?? [])];
  const context = second.context ?? [];
  const differs = before.findIndex((message, i) => !isDeepStrictEqual(message, context[i]));
  must(
    differs === -1 && context.length > before.length,
    `the chain breaks at message ${differs} of ${before.length}: ` +
      `${JSON.stringify(before[differs])?.slice(0, 600)} became ${JSON.stringify(context[differs])?.slice(0, 600)}`,
  );
  return context.slice(before.length);
}
