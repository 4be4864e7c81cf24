// Real clients, each pointed at a real `hone serve` as docs/operations.md says, with a stub for the
// model behind it (upstream.mjs). Of each client: it gets its answers, and the store then holds every
// call that it made: tool, person, alias, prompt, answer, tool calls, tokens, stop reason, streamed or
// not, and the calls of a conversation as one chain (check.mjs). One of --full has hone-engine and a real
// model behind it in place of the stub (clients/claude-code-engine.mjs); HONE_BASE_MODEL names that.
//
//   node tests/clients/run.mjs HONE [--full] [--keep] [NAME…]
//
// HONE is the program. Two quick clients run; all with --full; or those that are named. --keep leaves
// the temporary folder. Versions are pinned in package.json (what only --full needs is in
// devDependencies) and requirements.txt, and installed into folders that git ignores.
//
// Everything runs in a network namespace that has nothing but the loopback interface, so that no client
// reaches the outside whatever its settings say; HOME is an empty folder, so that nobody's own settings
// are read or written. A client that is not there counts as failed, with the reason.
//
// A new client is a file in clients/ that says what it is and how it is started:
//
//   name, tool             on the command line; as the store must name it
//   doc, documented        its row in docs/operations.md; what that must name
//   packages | python      what of package.json it needs; that it needs requirements.txt
//   session                whether its calls name their session
//   conversations          {id, prompt?, wire, streamed, tool?, fails_first?, follows?, forgets_thinking?, translated?};
//                          `tool` is {name, arguments}, or a function of its work folder that gives it;
//                          `translated` ones ask for an alias whose upstream speaks Chat Completions only
//   engine                 true: it runs on a Hone whose model is real, served by hone-engine, and
//                          `check(place, stored, must)` says what must be true then
//   run(place)             starts it; place has url, key, model, translated (the aliases), prompts (by id),
//                          home, work, and start(program, arguments, environment, limit_s)
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { checkClient } from "./check.mjs";
import { all } from "./clients/all.mjs";
import { Hone } from "./hone.mjs";
import { here, install, missing } from "./install.mjs";
import { endAll, run } from "./program.mjs";
import { RESULT } from "./programs/support.mjs";
import { Upstream } from "./upstream.mjs";

const LIMIT_S = 300; // for one start of one client
const CONTEXT = 8192; // of the base model that everyone starts with
const ENGINE_START_S = 130; // hone serve waits for it for 120 s
const flags = process.argv.slice(2).filter((word) => word.startsWith("--"));
const [program, ...names] = process.argv.slice(2).filter((word) => !word.startsWith("--"));

function chosen() {
  const unknown = names.filter((name) => !all.some((client) => client.name === name));
  if (!program || unknown.length > 0) {
    console.error(
      `usage: run.mjs HONE [--full] [--keep] [NAME…]; the names are ${all.map(({ name }) => name).join(", ")}`,
    );
    process.exit(2);
  }
  if (names.length > 0) return all.filter((client) => names.includes(client.name));
  return all.filter((client) => client.quick || flags.includes("--full"));
}

// Runs this file once more, in a network namespace with the loopback interface alone. Where the system
// lets us make none (a container without the right to), SDKs run without, since they reach nothing but
// the address they are given; whoever would call home does not run.
async function runAlone(clients) {
  const root = process.getuid() === 0;
  const apart = ["--net", ...(root ? [] : ["--map-root-user"]), "sh", "-c", 'ip link set lo up && exec "$@"', "sh"];
  const again = [process.execPath, fileURLToPath(import.meta.url), "--alone", ...process.argv.slice(2)];
  const possible = spawnSync("unshare", [...apart, "true"]).status === 0;
  if (!possible && !clients.every((client) => client.quick)) {
    console.error("real clients: no network namespace can be made here, and some of these call home");
    return 1;
  }
  if (!possible) console.error("real clients: NOT APART: no network namespace can be made here");
  const [command, ...words] = possible ? ["unshare", ...apart, ...again] : again;
  const child = spawn(command, words, { stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal));
  return new Promise((done) => {
    child.on("error", () => done(1));
    child.on("exit", (code) => done(code ?? 1));
  });
}

const personOf = (client) => `Ana of ${client.name}`;
const TEAM = "Clients";

// Where and as whom a client runs.
function makePlace(client, hone, key, folder) {
  const home = `${folder}/home`;
  const work = `${folder}/work`;
  for (const path of [home, work, `${folder}/tmp`]) mkdirSync(path, { recursive: true });
  writeFileSync(`${work}/note.txt`, `The harbour lies ${RESULT}.\n`);
  const conversations = client.conversations.map((conversation) => ({
    ...conversation,
    prompt: conversation.prompt ?? `Where is the harbour, in ${client.name} ${conversation.id}?`,
    answer: `It lies as ${client.name} ${conversation.id} says.`,
    tool: typeof conversation.tool === "function" ? conversation.tool(work) : conversation.tool,
  }));
  const place = {
    url: hone.url,
    key,
    model: "assistant",
    translated: "translated",
    home,
    work,
    conversations,
    began: Date.now(),
    prompts: Object.fromEntries(conversations.map(({ id, prompt }) => [id, prompt])),
    printed: "",
    failures: [],
    person: personOf(client),
    team: TEAM,
  };
  const common = {
    PATH: process.env.PATH,
    HOME: home,
    TMPDIR: `${folder}/tmp`,
    LANG: "C.UTF-8",
    SHELL: "/bin/bash",
    TERM: "dumb",
    NO_COLOR: "1",
  };
  place.start = async (executable, args, environment, limit_s = LIMIT_S) => {
    const env = { ...common, PROMPTS: JSON.stringify(place.prompts), ...environment };
    const done = await run(executable, args, { cwd: work, env, limit_s });
    place.printed += done.stdout;
    if (done.timedOut) place.failures.push(`did not end within ${limit_s} s`);
    if (done.status !== 0) place.failures.push(`ended with ${done.status}`);
    place.stderr = `${place.stderr ?? ""}${done.stderr}`;
    return done;
  };
  return place;
}

// The client's row of the table names what this test sets.
function checkDocumented(client, must) {
  const text = readFileSync(`${here}/../../docs/operations.md`, "utf8");
  const row = text.split("\n").find((line) => line.startsWith(`| ${client.doc} |`));
  must(row, `docs/operations.md has no row '${client.doc}'`);
  for (const word of client.documented)
    must(row?.includes(word), `docs/operations.md, '${client.doc}': does not name ${word}`);
}

async function runClient(client, hone, upstream, key, folder) {
  const failures = [];
  let held = 0;
  const must = (holds, message) => {
    if (holds) held += 1;
    else failures.push(message);
  };
  const began = Date.now();
  const reason = missing(client);
  must(!reason, reason);
  let place = null;
  if (!reason) {
    place = makePlace(client, hone, key, `${folder}/${client.name}`);
    if (!client.engine) upstream.script(place.conversations, [key]);
    try {
      await client.run(place);
      if (client.engine) {
        client.check(place, await hone.interactions(key, place.conversations.length), must);
      } else {
        failures.push(...place.failures);
        const stored = await hone.interactions(key, upstream.served.length);
        checkClient(client, place, place.printed, upstream, stored, await hone.handles(), must);
      }
    } catch (error) {
      failures.push(error.stack ?? String(error));
    }
    checkDocumented(client, must);
  }
  for (const failure of failures) console.error(`${client.name}: ${failure}`);
  if (failures.length > 0 && place) {
    console.error(
      `${client.name} printed:\n${place.printed.slice(-3000)}\n${(place.stderr ?? "").slice(-3000)}`,
    );
  }
  const seconds = ((Date.now() - began) / 1000).toFixed(1);
  console.log(`real clients: ${client.name}: ${held} checks hold, ${failures.length} do not (${seconds} s)`);
  return failures.length === 0;
}

// A Hone of its own, on the real model.
async function runOnEngine(client, folder, started) {
  const hone = new Hone(resolve(program), `${folder}/hone-engine`);
  started.push(hone);
  let passed = false;
  try {
    let key = null;
    if (!missing(client)) {
      await hone.configureEngine(resolve(process.env.HONE_BASE_MODEL), CONTEXT);
      key = await hone.createKey(personOf(client), TEAM);
      await hone.start(ENGINE_START_S);
    }
    passed = await runClient(client, hone, null, key, folder);
    if (!passed && key) console.error(`hone serve printed:\n${hone.log.slice(-3000)}`);
  } catch (error) {
    console.error(`${client.name}: ${error.stack ?? error}`);
  }
  if (!passed) console.error(`hone-engine printed:\n${hone.engineLog.slice(-3000)}`);
  const problem = await hone.stop();
  if (problem) console.error(problem);
  return passed && !problem;
}

async function main() {
  const clients = chosen();
  if (!flags.includes("--alone")) {
    install(clients);
    return runAlone(clients);
  }
  const folder = mkdtempSync(`${tmpdir()}/hone-clients-`);
  const upstream = new Upstream();
  const hone = new Hone(resolve(program), `${folder}/hone`);
  const started = [hone];
  const stop = async () => {
    endAll();
    const problem = (await Promise.all(started.map((one) => one.stop()))).find((found) => found) ?? null;
    await upstream.stop();
    if (flags.includes("--keep")) console.log(`real clients: kept ${folder}`);
    else rmSync(folder, { recursive: true, force: true });
    return problem;
  };
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => stop().finally(() => process.exit(1)));
  let passed = 0;
  let problem = null;
  try {
    await hone.configure(upstream, await upstream.start());
    const keys = new Map();
    const onStub = clients.filter((client) => !client.engine);
    for (const client of onStub) keys.set(client, await hone.createKey(personOf(client), TEAM));
    await hone.start();
    for (const client of onStub)
      passed += (await runClient(client, hone, upstream, keys.get(client), folder)) ? 1 : 0;
    if (passed < onStub.length) console.error(`hone serve printed:\n${hone.log.slice(-3000)}`);
    for (const client of clients.filter(({ engine }) => engine))
      passed += (await runOnEngine(client, folder, started)) ? 1 : 0;
  } catch (error) {
    problem = error.stack ?? String(error);
  } finally {
    problem = (await stop()) ?? problem;
  }
  if (problem) console.error(problem);
  console.log(`real clients: ${passed} of ${clients.length} pass`);
  return passed === clients.length && !problem ? 0 : 1;
}

process.exit(await main());
