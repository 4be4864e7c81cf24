import { mkdirSync, writeFileSync } from "node:fs";
import { here } from "../install.mjs";

// What opencode-ai starts, in the build that wants no AVX2.
const program = `${here}/node_modules/opencode-linux-x64-baseline/bin/opencode`;

const quiet = {
  OPENCODE_DISABLE_AUTOUPDATE: "1",
  OPENCODE_DISABLE_DEFAULT_PLUGINS: "1",
  OPENCODE_DISABLE_LSP_DOWNLOAD: "1",
  OPENCODE_DISABLE_MODELS_FETCH: "1",
};

export default {
  name: "opencode",
  tool: "opencode",
  doc: "opencode",
  documented: ["@ai-sdk/openai-compatible", "baseURL", "apiKey", "models", "HONE_KEY"],
  packages: ["opencode-linux-x64-baseline"],
  session: true,
  conversations: [
    {
      id: "ask",
      wire: "openai-chat",
      streamed: true,
      tool: (work) => ({ name: "read", arguments: { filePath: `${work}/note.txt` } }),
    },
    { id: "ask-more", wire: "openai-chat", streamed: true, follows: "ask" },
  ],
  async run(place) {
    const folder = `${place.home}/.config/opencode`;
    mkdirSync(folder, { recursive: true });
    writeFileSync(
      `${folder}/opencode.json`,
      JSON.stringify({
        autoupdate: false,
        share: "disabled",
        model: `hone/${place.model}`,
        provider: {
          hone: {
            npm: "@ai-sdk/openai-compatible",
            options: { baseURL: `${place.url}/v1`, apiKey: "{env:HONE_KEY}" },
            models: { [place.model]: {} },
          },
        },
      }),
    );
    const environment = { ...quiet, HONE_KEY: place.key };
    await place.start(program, ["run", place.prompts.ask], environment);
    await place.start(program, ["run", "--continue", place.prompts["ask-more"]], environment);
  },
};
