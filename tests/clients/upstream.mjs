// The upstream behind Hone in these tests: a server on a loopback port that speaks the three formats,
// streamed or not, gzip where the client takes it, and answers from a script. A conversation of the
// script is known by its prompt, somewhere in the request; the last one that is there counts:
//
//   {id, prompt, answer}                        the answer, as text
//   {…, tool: {name, arguments}}                first a call of that tool; the answer once its result is
//                                               there. A call that does not offer the tool is an aside of
//                                               the client's (a title for the session, say): it gets text
//   {…, fails_first: true}                      first "overloaded", which a client tries again
//
// `served` tells every model call and what was said to it, in order; `problems` what should not have
// reached an upstream: a person's key, an alias, a thinking block without its signature.
import { createServer } from "node:http";
import { gzipSync } from "node:zlib";
import { formats } from "./answers.mjs";

const MODEL = "stub-model";
const ASIDE = "Nothing to add.";

export class Upstream {
  model = MODEL;
  key = "upstream-key";
  served = [];
  problems = [];
  #conversations = [];
  #secrets = [];
  #number = 0;
  #server = createServer((request, response) => this.#handle(request, response));

  // `secrets` must not be seen by an upstream: the people's keys.
  script(conversations, secrets) {
    this.#conversations = conversations.map((conversation) => ({
      ...conversation,
      seen: 0,
      tool_call_id: null,
    }));
    this.#secrets = secrets;
    this.served = [];
    this.problems = [];
  }

  async start() {
    await new Promise((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return this.#server.address().port;
  }

  async stop() {
    this.#server.closeAllConnections?.();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #handle(request, response) {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString("utf8");
    const path = new URL(request.url, "http://upstream").pathname;
    this.#inspect(request);
    try {
      if (request.method === "POST" && formats[path])
        return this.#modelCall(formats[path], request, response, text);
    } catch (error) {
      this.problems.push(`${path}: ${error.stack}`);
      return send(request, response, 500, { error: { message: String(error), type: "stub_error" } });
    }
    if (request.method === "POST" && path === "/v1/messages/count_tokens") {
      this.#inspectModel(request, JSON.parse(text));
      return send(request, response, 200, { input_tokens: 42 });
    }
    if (request.method === "GET" && path === "/v1/models") {
      return send(request, response, 200, {
        object: "list",
        data: [{ id: MODEL, object: "model", created: 1, owned_by: "stub" }],
      });
    }
    return send(request, response, 404, {
      error: { message: `no such address: ${path}`, type: "not_found_error" },
    });
  }

  #inspect(request) {
    const headers = JSON.stringify(request.headers);
    if (this.#secrets.some((secret) => headers.includes(secret)))
      this.problems.push(`${request.url}: a person's key came along`);
    const key = request.headers["x-api-key"] ?? request.headers.authorization?.replace("Bearer ", "");
    if (key !== this.key) this.problems.push(`${request.url}: not the upstream's key`);
  }

  #inspectModel(request, { model }) {
    if (model !== MODEL) this.problems.push(`${request.url} asks for '${model}', not for ${MODEL}`);
  }

  #modelCall(format, request, response, text) {
    const call = JSON.parse(text);
    this.#inspectModel(request, call);
    const plan = this.#plan(format, call, text);
    this.served.push(plan);
    const own = { "request-id": plan.request_id, "x-request-id": plan.request_id };
    if (plan.kind === "error") {
      const body = format.error("overloaded", plan.request_id);
      return send(request, response, plan.status, body, { ...own, "retry-after-ms": "10" });
    }
    if (!plan.streamed) return send(request, response, 200, format.body(plan), own);
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache", ...own });
    for (const event of format.events(plan, call)) response.write(event);
    return response.end();
  }

  #plan(format, call, text) {
    const number = (this.#number += 1);
    const conversation = this.#conversationOf(text);
    const plan = {
      number,
      wire: format.wire,
      conversation: conversation?.id,
      streamed: call.stream === true,
      status: 200,
      model: MODEL,
      request_id: `req_upstream_${number}`,
      response_id: `answer_${number}`,
      prompt_tokens: 100 + number,
      completion_tokens: 10 + number,
    };
    if (!conversation) {
      this.problems.push(`a call that belongs to no conversation: ${text.slice(0, 300)}`);
      Object.assign(plan, { kind: "text", aside: true, text: ASIDE });
    } else {
      Object.assign(plan, this.#say(conversation, format, call, text, number));
    }
    if (plan.kind === "error" || !format.tellsUsage(call))
      Object.assign(plan, { prompt_tokens: 0, completion_tokens: 0 });
    return plan;
  }

  #say(conversation, format, call, text, number) {
    conversation.seen += 1;
    if (conversation.fails_first && conversation.seen === 1) {
      const anthropic = format.wire === "anthropic-messages";
      return {
        kind: "error",
        status: anthropic ? 529 : 503,
        error: anthropic ? "overloaded_error" : "server_error",
      };
    }
    const { tool } = conversation;
    if (!tool) return { kind: "text", text: conversation.answer };
    if (!format.toolNames(call).includes(tool.name)) return { kind: "text", aside: true, text: ASIDE };
    if (conversation.tool_call_id && text.includes(conversation.tool_call_id)) {
      if (conversation.signature && !text.includes(conversation.signature)) {
        this.problems.push("the signature of a thinking block did not come back");
      }
      return { kind: "text", text: conversation.answer };
    }
    conversation.tool_call_id = `call_stub_${number}`;
    const thinks =
      format.wire === "anthropic-messages" && ["enabled", "adaptive"].includes(call.thinking?.type);
    if (thinks) conversation.signature = Buffer.from(`signed by the stub, ${number}`).toString("base64");
    return {
      kind: "tool_call",
      tool_call: { id: conversation.tool_call_id, name: tool.name, arguments: tool.arguments },
      ...(thinks && { thinking: "I had better look.", signature: conversation.signature }),
    };
  }

  #conversationOf(text) {
    let best = null;
    let last = -1;
    for (const conversation of this.#conversations) {
      const at = text.lastIndexOf(conversation.prompt);
      if (at > last) [best, last] = [conversation, at];
    }
    return best;
  }
}

function send(request, response, status, body, headers = {}) {
  const plain = Buffer.from(JSON.stringify(body));
  const zipped = /\bgzip\b/.test(request.headers["accept-encoding"] ?? "");
  const bytes = zipped ? gzipSync(plain) : plain;
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": bytes.length,
    ...(zipped && { "content-encoding": "gzip" }),
    ...headers,
  });
  response.end(bytes);
}
