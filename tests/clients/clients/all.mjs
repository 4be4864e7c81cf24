// Every client that is tested, in the order in which they run.
import anthropicNode from "./anthropic-node.mjs";
import anthropicPython from "./anthropic-python.mjs";
import claudeCode from "./claude-code.mjs";
import claudeCodeEngine from "./claude-code-engine.mjs";
import codex from "./codex.mjs";
import langchain from "./langchain.mjs";
import openaiNode from "./openai-node.mjs";
import openaiPython from "./openai-python.mjs";
import opencode from "./opencode.mjs";
import vercelAi from "./vercel-ai.mjs";

export const all = [
  openaiNode,
  anthropicNode,
  claudeCode,
  claudeCodeEngine,
  codex,
  opencode,
  openaiPython,
  anthropicPython,
  vercelAi,
  langchain,
];
