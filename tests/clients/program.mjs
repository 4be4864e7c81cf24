// Runs one program to its end or to its limit, in a process group of its own that is ended with it, so
// that nothing which it started outlives the test.
import { spawn } from "node:child_process";

const MAX_OUTPUT = 4 << 20;
const running = new Set();

export async function run(program, args, { cwd, env, limit_s }) {
  const child = spawn(program, args, { cwd, env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  const output = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"]) {
    child[name].setEncoding("utf8").on("data", (text) => {
      if (output[name].length < MAX_OUTPUT) output[name] += text;
    });
  }
  running.add(child.pid);
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    endGroup(child.pid);
  }, limit_s * 1000);
  const status = await new Promise((resolve) => {
    child.on("error", (error) => {
      output.stderr += String(error);
      resolve(-1);
    });
    child.on("exit", (code, signal) => {
      endGroup(child.pid);
      // A grandchild in a group of its own may hold the pipes open.
      const late = setTimeout(() => [child.stdout, child.stderr].forEach((pipe) => pipe.destroy()), 2000);
      child.on("close", () => {
        clearTimeout(late);
        resolve(code ?? signal);
      });
    });
  });
  clearTimeout(timer);
  running.delete(child.pid);
  return { ...output, status, timedOut };
}

export function endAll() {
  for (const pid of running) endGroup(pid);
}

function endGroup(pid) {
  try {
    if (pid) process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}
