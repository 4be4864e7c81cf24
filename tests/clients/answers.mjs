// The three formats in which the upstream of these tests answers, one object each, with the same
// five members. A plan says what is to be said, in no format's words: {number, model, text | tool_call,
// thinking, signature, prompt_tokens, completion_tokens, response_id}.

// A text in three pieces, so that a stream has something to be put together from.
function pieces(text) {
  const size = Math.max(1, Math.ceil(text.length / 3));
  return text.match(new RegExp(`[^]{1,${size}}`, "g")) ?? [];
}

const now = () => Math.floor(Date.now() / 1000);

const chat = {
  wire: "openai-chat",
  stopReasons: { text: "stop", tool_call: "tool_calls" },
  toolNames: (call) => (call.tools ?? []).map((tool) => tool.function?.name),
  // Chat Completions tells a stream's usage only to those who ask for it.
  tellsUsage: (call) => call.stream !== true || call.stream_options?.include_usage === true,

  body(plan) {
    const calls = plan.tool_call && [chatToolCall(plan.tool_call)];
    const message = {
      role: "assistant",
      content: plan.text ?? null,
      refusal: null,
      ...(calls && { tool_calls: calls }),
    };
    return {
      ...chatHead(plan, "chat.completion"),
      choices: [{ index: 0, message, logprobs: null, finish_reason: this.stopReasons[plan.kind] }],
      usage: chatUsage(plan),
    };
  },

  events(plan, call) {
    const head = chatHead(plan, "chat.completion.chunk");
    const chunk = (delta, reason = null) => ({
      ...head,
      choices: [{ index: 0, delta, finish_reason: reason }],
    });
    const events = [chunk({ role: "assistant", content: plan.tool_call ? null : "" })];
    if (plan.tool_call) {
      const whole = chatToolCall(plan.tool_call);
      const first = { index: 0, ...whole, function: { name: whole.function.name, arguments: "" } };
      events.push(chunk({ tool_calls: [first] }));
      for (const piece of pieces(whole.function.arguments)) {
        events.push(chunk({ tool_calls: [{ index: 0, function: { arguments: piece } }] }));
      }
    } else {
      for (const piece of pieces(plan.text)) events.push(chunk({ content: piece }));
    }
    events.push(chunk({}, this.stopReasons[plan.kind]));
    if (this.tellsUsage(call)) events.push({ ...head, choices: [], usage: chatUsage(plan) });
    return events.map((event) => `data: ${JSON.stringify(event)}\n\n`).concat("data: [DONE]\n\n");
  },

  error: (message) => ({ error: { message, type: "server_error", param: null, code: null } }),
};

const chatHead = (plan, object) => ({ id: plan.response_id, object, created: now(), model: plan.model });

const chatToolCall = ({ id, name, arguments: given }) => ({
  id,
  type: "function",
  function: { name, arguments: JSON.stringify(given) },
});

const chatUsage = (plan) => ({
  prompt_tokens: plan.prompt_tokens,
  completion_tokens: plan.completion_tokens,
  total_tokens: plan.prompt_tokens + plan.completion_tokens,
});

const responses = {
  wire: "openai-responses",
  stopReasons: { text: "completed", tool_call: "completed" },
  toolNames: (call) => (call.tools ?? []).map((tool) => tool.name),
  tellsUsage: () => true,

  body: (plan) => responsesObject(plan, "completed", [responsesItem(plan)]),

  events(plan) {
    const item = responsesItem(plan);
    const at = { item_id: item.id, output_index: 0 };
    const events = [];
    const add = (type, fields) => events.push({ type, sequence_number: events.length, ...fields });
    add("response.created", { response: responsesObject(plan, "in_progress", []) });
    add("response.in_progress", { response: responsesObject(plan, "in_progress", []) });
    const begun = plan.tool_call ? { arguments: "" } : { content: [] };
    add("response.output_item.added", {
      output_index: 0,
      item: { ...item, status: "in_progress", ...begun },
    });
    if (plan.tool_call) {
      for (const delta of pieces(item.arguments))
        add("response.function_call_arguments.delta", { ...at, delta });
      add("response.function_call_arguments.done", { ...at, name: item.name, arguments: item.arguments });
    } else {
      const part = { ...at, content_index: 0 };
      add("response.content_part.added", { ...part, part: { ...item.content[0], text: "" } });
      for (const delta of pieces(plan.text))
        add("response.output_text.delta", { ...part, delta, logprobs: [] });
      add("response.output_text.done", { ...part, text: plan.text, logprobs: [] });
      add("response.content_part.done", { ...part, part: item.content[0] });
    }
    add("response.output_item.done", { output_index: 0, item });
    add("response.completed", { response: responsesObject(plan, "completed", [item]) });
    return events.map(namedEvent);
  },

  error: chat.error,
};

function responsesItem(plan) {
  const status = "completed";
  if (plan.tool_call) {
    const { id, name, arguments: given } = plan.tool_call;
    return {
      id: `fc_${plan.number}`,
      type: "function_call",
      status,
      call_id: id,
      name,
      arguments: JSON.stringify(given),
    };
  }
  const content = [{ type: "output_text", text: plan.text, annotations: [], logprobs: [] }];
  return { id: `msg_${plan.number}`, type: "message", status, role: "assistant", content };
}

function responsesObject(plan, status, output) {
  const usage = {
    input_tokens: plan.prompt_tokens,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: plan.completion_tokens,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: plan.prompt_tokens + plan.completion_tokens,
  };
  return {
    id: plan.response_id,
    object: "response",
    created_at: now(),
    status,
    model: plan.model,
    output,
    error: null,
    incomplete_details: null,
    instructions: null,
    metadata: {},
    parallel_tool_calls: true,
    temperature: 1,
    tool_choice: "auto",
    tools: [],
    top_p: 1,
    usage: status === "completed" ? usage : null,
  };
}

const messages = {
  wire: "anthropic-messages",
  stopReasons: { text: "end_turn", tool_call: "tool_use" },
  toolNames: (call) => (call.tools ?? []).map((tool) => tool.name),
  tellsUsage: () => true,

  body: (plan) => ({
    ...messagesHead(plan),
    content: messagesContent(plan),
    stop_reason: messages.stopReasons[plan.kind],
    usage: messagesUsage(plan, plan.completion_tokens),
  }),

  events(plan) {
    const head = { ...messagesHead(plan), content: [], stop_reason: null, usage: messagesUsage(plan, 1) };
    const events = [{ type: "message_start", message: head }, { type: "ping" }];
    messagesContent(plan).forEach((block, index) => {
      const { begun, deltas } = messagesDeltas(block);
      events.push({ type: "content_block_start", index, content_block: begun });
      for (const delta of deltas) events.push({ type: "content_block_delta", index, delta });
      events.push({ type: "content_block_stop", index });
    });
    const delta = { stop_reason: messages.stopReasons[plan.kind], stop_sequence: null };
    events.push({ type: "message_delta", delta, usage: { output_tokens: plan.completion_tokens } });
    events.push({ type: "message_stop" });
    return events.map(namedEvent);
  },

  error: (message, id) => ({ type: "error", error: { type: "overloaded_error", message }, request_id: id }),
};

const messagesHead = (plan) => ({
  id: plan.response_id,
  type: "message",
  role: "assistant",
  model: plan.model,
  stop_sequence: null,
});

// What was read from and written to a cache is counted apart from the rest of the prompt.
const messagesUsage = (plan, output_tokens) => ({
  input_tokens: plan.prompt_tokens - 10,
  cache_creation_input_tokens: 3,
  cache_read_input_tokens: 7,
  output_tokens,
});

function messagesContent(plan) {
  const content = plan.tool_call
    ? [
        {
          type: "tool_use",
          id: plan.tool_call.id,
          name: plan.tool_call.name,
          input: plan.tool_call.arguments,
        },
      ]
    : [{ type: "text", text: plan.text }];
  if (plan.signature)
    content.unshift({ type: "thinking", thinking: plan.thinking, signature: plan.signature });
  return content;
}

function messagesDeltas(block) {
  if (block.type === "text") {
    const deltas = pieces(block.text).map((text) => ({ type: "text_delta", text }));
    return { begun: { ...block, text: "" }, deltas };
  }
  if (block.type === "thinking") {
    const deltas = pieces(block.thinking).map((thinking) => ({ type: "thinking_delta", thinking }));
    deltas.push({ type: "signature_delta", signature: block.signature });
    return { begun: { ...block, thinking: "", signature: "" }, deltas };
  }
  const deltas = pieces(JSON.stringify(block.input)).map((partial_json) => ({
    type: "input_json_delta",
    partial_json,
  }));
  return { begun: { ...block, input: {} }, deltas };
}

const namedEvent = (event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;

export const formats = {
  "/v1/chat/completions": chat,
  "/v1/responses": responses,
  "/v1/messages": messages,
};
