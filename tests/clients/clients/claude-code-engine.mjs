// Claude Code on hone-engine and a real model: its calls are translated, its 32,000 tokens of answer are
// lowered to what fits, its tools reach the model's prompt, and a prompt that does not fit is refused in
// words that it understands. A small model answers a small question; what it does with tools is its own
// affair, so of that only the traffic is looked at.
import { program, quiet } from "./claude-code.mjs";

const SYSTEM = "Answer in one short sentence.";
const wire = "anthropic-messages";

// --bare leaves out what Claude Code would say of the machine, behind the question.
const small = ["--system-prompt", SYSTEM, "--disable-slash-commands", "--output-format", "json"];
const starts = {
  short: { flags: ["--bare", "--tools", "", ...small], most: "256" },
  // It asks for 32,000 tokens, and a small model may well write until its context is full.
  "as-ever": { flags: ["--bare", "--tools", "", ...small], limit_s: 60 },
  all: { flags: ["--output-format", "json"] }, // its own prompt and tools: about 12,000 tokens
  // Last, for nobody knows how many calls it takes.
  tools: { flags: ["--bare", "--tools", "Read", "--max-turns", "3", ...small], most: "64" },
};

const texts = (message) =>
  (message?.content ?? [])
    .filter((part) => part.type === "text")
    .map((part) => part.text)
    .join("");

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

const shown = (value) => JSON.stringify(value)?.slice(0, 1500);

// The calls of a conversation, oldest first.
const callsOf = (stored, prompt) =>
  stored.filter(({ context }) =>
    (context ?? []).some((message) => message.role === "user" && texts(message).includes(prompt)),
  );

function checkFacts(place, call, must, error = "") {
  const facts = {
    person: place.person,
    team: place.team,
    tool: "claude-code",
    wire,
    alias: "assistant",
    upstream: "engine",
    error,
    content: "stored",
  };
  for (const [fact, expected] of Object.entries(facts)) {
    must(call[fact] === expected, `${fact} is '${call[fact]}', not '${expected}'`);
  }
}

// It got an answer, and the store has the same one, whole.
function checkAnswer(place, id, stored, must) {
  const { printed, status } = place.results[id];
  must(status === 0 && printed?.is_error === false, `ended with ${status} and ${shown(printed)}`);
  must(printed?.stop_reason === "end_turn", `its answer ended for '${printed?.stop_reason}'`);
  const calls = callsOf(stored, place.prompts[id]);
  must(calls.length === 1, `${calls.length} calls are in the store`);
  const [call] = calls;
  if (!call) return;
  checkFacts(place, call, must);
  must(call.status === 200 && call.streamed === 1, `status ${call.status}, streamed ${call.streamed}`);
  must(call.stop_reason === "end_turn", `the store says that it ended for '${call.stop_reason}'`);
  const said = texts(call.output?.[0]).trim();
  must(
    said !== "" && said === printed?.result?.trim(),
    `it printed ${shown(printed?.result)}, the store has ${shown(call.output)}`,
  );
  must(
    call.prompt_tokens > 0 && call.prompt_tokens === printed?.usage?.input_tokens,
    `${call.prompt_tokens} tokens of prompt in the store, it counts ${printed?.usage?.input_tokens}`,
  );
  must(
    call.completion_tokens > 0 && call.completion_tokens === printed?.usage?.output_tokens,
    `${call.completion_tokens} tokens of answer in the store, it counts ${printed?.usage?.output_tokens}`,
  );
}

// It was served, whether the model came to an end or was still writing when we stopped listening.
function checkServed(place, id, stored, must) {
  if (!place.results[id].timedOut) return checkAnswer(place, id, stored, must);
  const [call] = callsOf(stored, place.prompts[id]);
  must(call, "no call is in the store");
  if (!call) return;
  checkFacts(place, call, must, "client_gone");
  must(call.status === 200 && call.streamed === 1, `status ${call.status}, streamed ${call.streamed}`);
  must(texts(call.output?.[0]).length > 100, `the store has ${shown(call.output)}`);
}

// Whatever the model makes of them: every call was served, and the tools were in its prompt.
function checkTools(place, stored, must) {
  const calls = callsOf(stored, place.prompts.tools);
  must(calls.length > 0, `no call is in the store; it printed ${shown(place.results.tools.printed)}`);
  for (const call of calls) {
    checkFacts(place, call, must);
    must(call.status === 200, `a call was answered with ${call.status}`);
    must(
      ["end_turn", "max_tokens", "tool_use"].includes(call.stop_reason),
      `a call ended for '${call.stop_reason}'`,
    );
    must(call.output?.length <= 1, `its output is ${shown(call.output)}`);
  }
  const offered = calls[0]?.context?.find(({ role }) => role === "tools");
  must(
    offered?.content?.some(({ name }) => name === "Read"),
    `the tools in the store are ${shown(offered)}`,
  );
  const without = callsOf(stored, place.prompts.short)[0]?.prompt_tokens;
  must(
    calls[0]?.prompt_tokens > without + 200,
    `with tools the prompt has ${calls[0]?.prompt_tokens} tokens, without ${without}`,
  );
}

function checkTooLong(place, stored, must) {
  const { printed } = place.results.all;
  must(printed?.is_error === true, `it is content: ${shown(printed)}`);
  must(printed?.api_error_status === 400, `it was told ${printed?.api_error_status}: ${shown(printed)}`);
  must(/prompt is too long/i.test(printed?.result ?? ""), `it says ${shown(printed?.result)}`);
  must(printed?.result?.includes("8191"), `it does not know the limit: ${shown(printed?.result)}`);
  const calls = callsOf(stored, place.prompts.all);
  must(calls.length > 0, "no call is in the store");
  for (const call of calls) {
    checkFacts(place, call, must, "invalid_request_error");
    must(call.status === 400, `a call was answered with ${call.status}`);
    must((call.output ?? []).length === 0, `an error has the output ${shown(call.output)}`);
  }
}

export default {
  name: "claude-code-engine",
  tool: "claude-code",
  doc: "Claude Code",
  documented: ["ANTHROPIC_BASE_URL", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_MODEL"],
  packages: ["@anthropic-ai/claude-code-linux-x64"],
  engine: true,
  conversations: [
    { id: "short", prompt: "What is the capital of France?", wire, streamed: true },
    { id: "as-ever", prompt: "What is the capital city of France?", wire, streamed: true },
    { id: "all", prompt: "What is the capital of Italy?", wire, streamed: true },
    { id: "tools", prompt: "What does the file note.txt say?", wire, streamed: true },
  ],
  async run(place) {
    place.results = {};
    for (const [id, { flags, most, limit_s }] of Object.entries(starts)) {
      const environment = {
        ...quiet,
        ANTHROPIC_BASE_URL: place.url,
        // --bare takes no other.
        ...(flags.includes("--bare")
          ? { ANTHROPIC_API_KEY: place.key }
          : { ANTHROPIC_AUTH_TOKEN: place.key }),
        ANTHROPIC_MODEL: place.model,
        ANTHROPIC_DEFAULT_HAIKU_MODEL: place.model,
        ...(most && { CLAUDE_CODE_MAX_OUTPUT_TOKENS: most }),
      };
      const done = await place.start(program, ["-p", place.prompts[id], ...flags], environment, limit_s);
      place.results[id] = { ...done, printed: parsed(done.stdout) };
    }
  },
  check(place, stored, must) {
    for (const [id, { timedOut }] of Object.entries(place.results))
      must(!timedOut || starts[id].limit_s, `${id}: it did not end in time`);
    const named = (id) => (holds, what) => must(holds, `${id}: ${what}`);
    checkAnswer(place, "short", stored, named("short"));
    checkServed(place, "as-ever", stored, named("as-ever"));
    checkTools(place, stored, named("tools"));
    checkTooLong(place, stored, named("all"));
  },
};
