// The Hone under test: its settings, its people's keys, `hone serve`, and what it has stored. The store
// is read through the REST API with the person's own key (docs/formats/api.md); only handles, which the
// API does not show, come from the database (docs/formats/database.md).
import { execFile, spawn } from "node:child_process";
import { mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname } from "node:path";
import { promisify } from "node:util";

const runFile = promisify(execFile);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export class Hone {
  #program;
  #folder;
  #server = null;
  #environment = process.env;

  constructor(program, folder) {
    mkdirSync(folder, { recursive: true });
    this.#program = program;
    this.#folder = folder;
  }

  get log() {
    return readFileSync(`${this.#folder}/hone.log`, "utf8");
  }

  async configure(upstream, upstreamPort) {
    const port = await freePort();
    this.url = `http://127.0.0.1:${port}`;
    writeFileSync(
      `${this.#folder}/hone.toml`,
      `
data = "${this.#folder}/data"
[server]
listen = "127.0.0.1:${port}"
[[upstream]]
name = "stub"
url = "http://127.0.0.1:${upstreamPort}"
wires = ["openai-chat", "openai-responses", "anthropic-messages"]
key_env = "STUB_KEY"
[alias.assistant]
upstream = "stub"
model = "${upstream.model}"
[[upstream]]
name = "chat-only"
url = "http://127.0.0.1:${upstreamPort}"
wires = ["openai-chat"]
key_env = "STUB_KEY"
[alias.translated]
upstream = "chat-only"
model = "${upstream.model}"
`,
    );
    this.#environment = { ...process.env, STUB_KEY: upstream.key };
  }

  // With hone-engine, which lies beside the program, on the base model: a Hugging Face folder, or a
  // GGUF file, which it imports.
  async configureEngine(model, context) {
    const port = await freePort();
    const enginePort = await freePort();
    this.url = `http://127.0.0.1:${port}`;
    let folder = model;
    if (model.endsWith(".gguf")) {
      folder = `${this.#folder}/model`;
      await runFile(`${dirname(this.#program)}/hone-engine`, ["import", model, folder], { timeout: 120_000 });
    }
    writeFileSync(
      `${this.#folder}/hone.toml`,
      `
data = "${this.#folder}/data"
[server]
listen = "127.0.0.1:${port}"
[engine]
model = ${JSON.stringify(folder)}
listen = "127.0.0.1:${enginePort}"
context = ${context}
`,
    );
  }

  get engineLog() {
    try {
      return readFileSync(`${this.#folder}/data/engine.log`, "utf8");
    } catch {
      return "";
    }
  }

  async createKey(person, team) {
    const { stdout } = await runFile(
      this.#program,
      [
        "--config",
        `${this.#folder}/hone.toml`,
        "--json",
        "key",
        "create",
        "--person",
        person,
        "--team",
        team,
      ],
      { timeout: 20_000 },
    );
    return JSON.parse(stdout).key;
  }

  async start(limit_s = 20) {
    const log = openSync(`${this.#folder}/hone.log`, "a");
    this.#server = spawn(this.#program, ["--config", `${this.#folder}/hone.toml`, "serve"], {
      env: this.#environment,
      stdio: ["ignore", log, log],
    });
    this.#server.on("error", () => {});
    for (let i = 0; i < limit_s * 10 && this.#server.exitCode === null; i += 1) {
      const answer = await fetch(`${this.url}/readyz`).catch(() => null);
      if (answer?.status === 200) return;
      await sleep(100);
    }
    throw new Error(`hone serve is not ready:\n${this.log}`);
  }

  // Ends it as an administrator would; tells what was wrong with that, or nothing.
  async stop() {
    const server = this.#server;
    if (!server) return null;
    if (server.exitCode === null && server.signalCode === null) {
      const ended = new Promise((resolve) => server.on("exit", resolve));
      server.kill("SIGTERM");
      const hard = setTimeout(() => server.kill("SIGKILL"), 40_000);
      await ended;
      clearTimeout(hard);
    }
    this.#server = null;
    return server.exitCode === 0 ? null : `hone serve ended with ${server.exitCode ?? server.signalCode}`;
  }

  // All that the person has had, oldest first, once there are `count` of them; what there is after ten
  // seconds otherwise.
  async interactions(key, count) {
    let list = [];
    for (let i = 0; i < 100; i += 1) {
      ({ interactions: list } = await this.#get(key, "interactions?limit=500"));
      if (list.length >= count) break;
      await sleep(100);
    }
    return Promise.all(list.reverse().map(({ id }) => this.#get(key, `interactions/${id}`)));
  }

  // By interaction: {kind: [values]}.
  async handles() {
    const { stdout } = await runFile(
      "sqlite3",
      [
        "-readonly",
        "-json",
        `${this.#folder}/data/hone.db`,
        "SELECT interaction_id, kind, value FROM handle",
      ],
      { timeout: 20_000, maxBuffer: 64 << 20 },
    );
    const all = new Map();
    for (const { interaction_id, kind, value } of JSON.parse(stdout || "[]")) {
      if (!all.has(interaction_id)) all.set(interaction_id, {});
      (all.get(interaction_id)[kind] ??= []).push(value);
    }
    return all;
  }

  async #get(key, path) {
    const answer = await fetch(`${this.url}/api/v1/${path}`, {
      headers: { authorization: `Bearer ${key}` },
      signal: AbortSignal.timeout(10_000),
    });
    if (answer.status !== 200)
      throw new Error(`GET /api/v1/${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }
}
