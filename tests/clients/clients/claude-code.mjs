import { here } from "../install.mjs";

// What @anthropic-ai/claude-code links to in a script of its installation.
export const program = `${here}/node_modules/@anthropic-ai/claude-code-linux-x64/claude`;

export const quiet = {
  CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
  DISABLE_AUTOUPDATER: "1",
  DISABLE_ERROR_REPORTING: "1",
  DISABLE_TELEMETRY: "1",
};

const readNote = (work) => ({ name: "Read", arguments: { file_path: `${work}/note.txt` } });

export default {
  name: "claude-code",
  tool: "claude-code",
  doc: "Claude Code",
  documented: [
    "ANTHROPIC_BASE_URL",
    "ANTHROPIC_AUTH_TOKEN",
    "ANTHROPIC_MODEL",
    "ANTHROPIC_DEFAULT_HAIKU_MODEL",
  ],
  packages: ["@anthropic-ai/claude-code-linux-x64"],
  session: true,
  conversations: [
    { id: "ask", wire: "anthropic-messages", streamed: true, tool: readNote },
    // When it resumes a session, Claude Code leaves out what was thought by a model of another name than
    // the one that it asks for; the model behind an alias has one.
    {
      id: "ask-more",
      wire: "anthropic-messages",
      streamed: true,
      fails_first: true,
      follows: "ask",
      forgets_thinking: true,
    },
    { id: "llama", wire: "anthropic-messages", streamed: true, translated: true, tool: readNote },
  ],
  async run(place) {
    const settings = (model) => ({
      ...quiet,
      ANTHROPIC_BASE_URL: place.url,
      ANTHROPIC_AUTH_TOKEN: place.key,
      ANTHROPIC_MODEL: model,
      ANTHROPIC_DEFAULT_HAIKU_MODEL: model,
    });
    await place.start(program, ["-p", place.prompts.ask], settings(place.model));
    await place.start(program, ["-p", place.prompts["ask-more"], "--continue"], settings(place.model));
    await place.start(program, ["-p", place.prompts.llama], settings(place.translated));
  },
};
