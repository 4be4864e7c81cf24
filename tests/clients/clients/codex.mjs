import { mkdirSync, writeFileSync } from "node:fs";
import { here, node } from "../install.mjs";

const program = `${here}/node_modules/@openai/codex/bin/codex.js`;

const readNote = { name: "exec_command", arguments: { cmd: "cat note.txt" } };

export default {
  name: "codex",
  tool: "codex",
  doc: "Codex",
  documented: [
    "[model_providers.hone]",
    "base_url",
    "env_key",
    "wire_api",
    "model_provider",
    "model",
    "HONE_KEY",
    "openai_base_url",
    "CODEX_API_KEY",
  ],
  packages: ["@openai/codex"],
  session: true,
  conversations: [
    { id: "ask", wire: "openai-responses", streamed: true, tool: readNote },
    { id: "ask-more", wire: "openai-responses", streamed: true, fails_first: true, follows: "ask" },
    { id: "built-in", wire: "openai-responses", streamed: true },
    { id: "llama", wire: "openai-responses", streamed: true, translated: true, tool: readNote },
  ],
  async run(place) {
    mkdirSync(`${place.home}/.codex`);
    writeFileSync(
      `${place.home}/.codex/config.toml`,
      `
model = "${place.model}"
model_provider = "hone"
check_for_update_on_startup = false
[analytics]
enabled = false
[model_providers.hone]
name = "Hone"
base_url = "${place.url}/v1"
env_key = "HONE_KEY"
wire_api = "responses"
`,
    );
    const ask = (words, environment) =>
      place.start(node, [program, "exec", "--skip-git-repo-check", ...words], environment);
    const { prompts } = place;
    await ask([prompts.ask], { HONE_KEY: place.key });
    await ask(["resume", "--last", prompts["ask-more"]], { HONE_KEY: place.key });
    await ask(["--model", place.translated, prompts.llama], { HONE_KEY: place.key });
    // The provider that is built in asks for a WebSocket first.
    const builtIn = ["-c", 'model_provider="openai"', "-c", `openai_base_url="${place.url}/v1"`];
    await ask([...builtIn, prompts["built-in"]], { CODEX_API_KEY: place.key });
  },
};
