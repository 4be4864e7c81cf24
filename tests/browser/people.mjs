// What people say, in real Chromium, against a server of its own with keys: on a page of the
// company's own (of another origin, with /hone.js) where a summary is corrected; and in the
// dashboard's review queue, from the keyboard.
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

const kHone = "http://127.0.0.1:8791";
const kReports = "http://127.0.0.1:8792";
const kCorrected = "The outage began at 9:40, and no data was lost.";

export async function lookAtPeople({ browser, bin, check, pictures }) {
  const folder = mkdtempSync(join(tmpdir(), "hone-people-"));
  const settings = join(folder, "hone.toml");
  writeFileSync(settings, `data = "${folder}/data"
[server]
listen = "127.0.0.1:8791"
[page]
origins = ["${kReports}"]
[[upstream]]
name = "u"
url = "http://127.0.0.1:8793"
wires = ["openai-chat"]
[alias.assistant]
upstream = "u"
model = "m"
`);
  const hone = (...words) => execFileSync(`${bin}/hone`, ["--config", settings, ...words], { encoding: "utf8" });
  const newKey = (...words) => hone("key", "create", ...words).match(/hone_sk_[a-z2-7]{32}/)[0];
  const keys = { ann: newKey("--person", "Ann"), page: newKey("--person", "Reports", "--scope", "feedback") };
  hone("person", "create", "Rita", "--role", "lead");
  keys.rita = newKey("--person", "Rita");

  const upstream = await serve(8793, model());
  const reports = await serve(8792, (request, answer) => reportPage(keys, request, answer));
  const server = spawn(`${bin}/hone`, ["--config", settings, "serve"], { stdio: ["ignore", "inherit", "inherit"] });
  try {
    check(await until(async () => (await fetch(`${kHone}/readyz`)).ok), "people: hone serve is not ready");
    await correctASummary({ browser, check, keys, pictures });
    await refuseAndKeepTrying({ browser, check, keys });
    await review({ browser, check, keys, pictures });
    await compare({ browser, check, keys, pictures });
  } finally {
    if (server.exitCode === null) {
      const ended = new Promise((resolve) => server.once("exit", resolve));
      server.kill("SIGTERM");
      await ended;
    }
    for (const one of [upstream, reports]) {
      one.closeAllConnections();
      one.close();
    }
    rmSync(folder, { recursive: true, force: true });
  }
}

// Everything that is polled for here comes within a second or two.
async function until(holds) {
  for (let i = 0; i < 100; i += 1) {
    if (await Promise.resolve(holds()).catch(() => false)) return true;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return false;
}

function serve(port, handle) {
  return new Promise((resolve, reject) => {
    const server = createServer((request, answer) => {
      Promise.resolve(handle(request, answer)).catch((error) => answer.writeHead(500).end(String(error)));
    });
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve(server));
  });
}

// A model that never says the same twice.
function model() {
  let said = 0;
  return (request, answer) => {
    request.resume();
    said += 1;
    const message = { role: "assistant", content: `Summary ${said}: the outage began at 9, and some data was lost.` };
    const body = { id: `r${said}`, model: "m", choices: [{ index: 0, message, finish_reason: "stop" }], usage: {} };
    answer.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body));
  };
}

async function summarise(keys, question) {
  const answer = await fetch(`${kHone}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${keys.ann}`, "content-type": "application/json" },
    body: JSON.stringify({ model: "assistant", messages: [{ role: "user", content: question }] }),
  });
  const body = await answer.json();
  return { handle: answer.headers.get("x-hone-interaction-id"), text: body.choices[0].message.content };
}

// The company's own page, as docs/guides/pages.md says: its server asks for the summary, and the
// page says what became of it. Saving leaves the page at once.
async function reportPage(keys, request, answer) {
  const page = (body) => answer.writeHead(200, { "content-type": "text/html" }).end(`<!doctype html>${body}`);
  if (request.url !== "/report") return page("<h1>Saved</h1>");
  const { handle, text } = await summarise(keys, "Summarise the incident report.");
  return page(`<title>Report</title><h1>Incident</h1>
<script src="${kHone}/hone.js" data-key="${keys.page}"></script>
<textarea rows="4" cols="60">${text}</textarea>
<button id="save">Save</button><button id="no">Of no use</button>
<script>
  const handle = ${JSON.stringify(handle)}, field = document.querySelector("textarea"), before = field.value;
  document.title = handle;
  hone.shown(handle);
  document.querySelector("#save").onclick = () => {
    if (field.value === before) hone.accepted(handle);
    else hone.edited(handle, field.value);
    location.href = "/saved";
  };
  document.querySelector("#no").onclick = () => hone.rejected(handle, "too vague");
</script>`);
}

const read = async (key, path) => {
  const answer = await fetch(`${kHone}/api/v1/${path}`, { headers: { authorization: `Bearer ${key}` } });
  return answer.json();
};
const feedbackOn = async (key, id) => (await read(key, `interactions/${id}`)).feedback ?? [];

async function openReport(browser) {
  const page = await browser.newPage();
  const problems = [];
  page.on("pageerror", (error) => problems.push(error.message));
  return { page, problems };
}

async function correctASummary({ browser, check, keys, pictures }) {
  const { page, problems } = await openReport(browser);
  await page.goto(`${kReports}/report`);
  const handle = await page.title();
  check(handle.startsWith("int_"), "page: the summary came without a handle");
  await page.fill("textarea", kCorrected);
  if (pictures) await page.screenshot({ path: `${pictures}/report.png` });
  await page.click("#save");
  await page.getByRole("heading", { name: "Saved" }).waitFor({ timeout: 10000 });

  const arrived = await until(async () => (await feedbackOn(keys.ann, handle)).length === 2);
  const feedback = await feedbackOn(keys.ann, handle);
  const kinds = feedback.map((one) => one.kind).sort().join(" ");
  check(arrived && kinds === "edited shown", `page: shown and edited once each, not: ${kinds}`);
  check(feedback.find((one) => one.kind === "edited")?.final_text === kCorrected, "page: another final text");
  check(feedback.every((one) => one.by === "person"), "page: not by a person");
  const decided = await until(async () => (await read(keys.ann, `interactions/${handle}`)).verdict === "modified");
  check(decided, "page: a corrected summary is not modified");
  check((await read(keys.ann, `interactions/${handle}`)).final_text === kCorrected, "page: not what was saved");

  const data = await page.evaluate(
    ([address, key]) => fetch(address, { headers: { authorization: `Bearer ${key}` } }).then(() => "read", () => "blocked"),
    [`${kHone}/api/v1/interactions`, keys.page],
  );
  check(data === "blocked", "page: a page of another origin may read");
  check(problems.length === 0, `page: ${problems.join("; ")}`);
  await page.close();
}

async function refuseAndKeepTrying({ browser, check, keys }) {
  const { page, problems } = await openReport(browser);
  await page.goto(`${kReports}/report`);
  const handle = await page.title();
  check(await until(async () => (await feedbackOn(keys.ann, handle)).length === 1), "page: not shown");
  // The network is away, and comes back; nothing is lost, and nothing comes twice.
  await page.context().setOffline(true);
  await page.click("#no");
  await page.waitForTimeout(300);
  await page.context().setOffline(false);
  const arrived = await until(async () => (await feedbackOn(keys.ann, handle)).length === 2);
  const rejected = (await feedbackOn(keys.ann, handle)).filter((one) => one.kind === "rejected");
  check(arrived && rejected.length === 1, `page: rejected ${rejected.length} times, not once`);
  check(rejected[0]?.comment === "too vague", "page: without the words");
  const decided = await until(async () => (await read(keys.ann, `interactions/${handle}`)).verdict === "rejected");
  check(decided, "page: a refused summary is not rejected");
  // Whatever the page does wrong stays its own business.
  const went = await page.evaluate(() => {
    hone.edited();
    hone.push(["nothing", "x"]);
    hone.push(null);
    hone.shown({ kind: "id" });
    hone.key = "no\nkey";
    hone.shown("h");
    return "on";
  });
  check(went === "on", "page: hone.js threw");
  await page.waitForTimeout(300);
  check(problems.length === 0, `page: ${problems.join("; ")}`);
  await page.close();
}

async function openDashboard(browser, keys, width = 1280) {
  const page = await browser.newPage({ viewport: { width, height: 900 } });
  const problems = [];
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  await page.addInitScript((key) => localStorage.setItem("hone-key", key), keys.rita);
  return { page, problems };
}

// At both widths: nothing sticks out sideways.
async function fits(page, check, what) {
  for (const width of [390, 1280]) {
    await page.setViewportSize({ width, height: 900 });
    const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    check(over <= 0, `${what}: ${over} px wider than ${width}`);
  }
}

async function review({ browser, check, keys, pictures }) {
  for (const question of ["Summarise the minutes.", "Summarise the contract.", "Summarise the survey."]) {
    await summarise(keys, question);
  }
  const waits = await until(async () => (await read(keys.rita, "review")).queue.length === 5);
  check(waits, "review: not all five answers wait");
  const queue = (await read(keys.rita, "review")).queue;
  check(queue.every((one, i) => i === 0 || one.score <= queue[i - 1].score), "review: not the best first");

  const { page, problems } = await openDashboard(browser, keys);
  await page.goto(`${kHone}/review`);
  await page.getByRole("heading", { level: 1, name: "Review" }).waitFor({ timeout: 10000 });
  const atItem = (n) => page.getByText(`${n} of 5`).waitFor({ timeout: 10000 });
  const shownId = async () => {
    const link = page.getByRole("link", { name: "all about it" });
    return (await link.getAttribute("href", { timeout: 10000 })).split("/").pop();
  };
  await atItem(1);
  const first = await shownId();
  check(first === queue[0].id, "review: not the first of the queue");
  check((await page.locator(".mark").count()) === 0, "review: tells the verdict beforehand");
  await fits(page, check, "review");
  if (pictures) await page.screenshot({ path: `${pictures}/review.png`, fullPage: true });

  await page.keyboard.press("4");
  await atItem(2);
  const second = await shownId();
  await page.keyboard.press("c");
  const editor = page.locator('.cm-content[aria-label="Your correction"]');
  await editor.waitFor({ timeout: 10000 });
  check(await until(() => editor.evaluate((one) => one === document.activeElement)), "review: the editor has no focus");
  await page.keyboard.press("Control+Enter");
  await page.getByRole("status").waitFor({ timeout: 10000 });
  await page.keyboard.press("Control+a");
  await page.keyboard.type(kCorrected);
  await fits(page, check, "correction");
  if (pictures) await page.screenshot({ path: `${pictures}/correction.png`, fullPage: true });
  await page.keyboard.press("Control+Enter");
  await atItem(3);
  const third = await shownId();
  await page.keyboard.press("s");
  await atItem(4);
  await page.keyboard.press("b");
  await atItem(3);
  check((await shownId()) === third, "review: back leads elsewhere");

  const said = async (id, kind) => (await feedbackOn(keys.rita, id)).filter((one) => one.kind === kind);
  check(await until(async () => (await said(first, "rated")).length === 1), "review: not rated once");
  check((await said(first, "rated"))[0]?.value === 0.75, "review: another rating");
  check(await until(async () => (await said(second, "corrected")).length === 1), "review: not corrected once");
  check((await said(second, "corrected"))[0]?.final_text === kCorrected, "review: another correction");
  check((await said(third, "rated")).length === 0, "review: what was skipped is rated");
  const left = (await read(keys.rita, "review")).queue.map((one) => one.id);
  check(left.length === 3 && !left.includes(first) && !left.includes(second), "review: asks for the same again");
  check(problems.length === 0, `review: ${problems.join("; ")}`);
  await page.close();
}

async function compare({ browser, check, keys, pictures }) {
  const { page, problems } = await openDashboard(browser, keys);
  // The two reports asked the same question.
  check(await until(async () => (await read(keys.rita, "comparisons")).pairs.length === 1), "compare: not one pair");
  await page.goto(`${kHone}/review/pairs`);
  await page.locator(".pair .message").nth(1).waitFor({ timeout: 10000 });
  const [left, right] = await page.locator(".pair .message pre").allTextContents();
  check(left !== right, "compare: the same answer twice");
  const [pair] = (await read(keys.rita, "comparisons")).pairs;
  const [first, second] = pair.answers;
  check(first.output[0].content[0].text === left, "compare: the places change between two looks");
  await fits(page, check, "compare");
  if (pictures) await page.screenshot({ path: `${pictures}/compare.png`, fullPage: true });
  await page.keyboard.press("ArrowRight");
  await page.getByText("That was all of it.").waitFor({ timeout: 10000 });
  const values = async (id) => (await feedbackOn(keys.rita, id)).filter((one) => one.kind === "compared").map((one) => one.value);
  check(await until(async () => String(await values(second.id)) === "1"), "compare: the better one is not worth 1");
  check(await until(async () => String(await values(first.id)) === "0"), "compare: the other is not worth 0");
  const asked = (await read(keys.rita, "comparisons")).pairs.length;
  check(asked === 0, "compare: asks for the same pair again");
  check(problems.length === 0, `compare: ${problems.join("; ")}`);
  await page.close();
}
