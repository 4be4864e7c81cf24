// Looks at the dashboard in real Chromium, at 1280 and 390 px, light and dark, over a store that the
// given programs made: node run.mjs BIN_FOLDER DATA_FOLDER [PICTURES_FOLDER]
import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { chromium } from "playwright-core";
import { lookAtPeople } from "./people.mjs";

const [bin, data, pictures] = process.argv.slice(2);
const address = "http://127.0.0.1:8790";
const failures = [];
let passed = 0;

function check(holds, message) {
  if (holds) passed += 1;
  else failures.push(message);
}

const server = spawn(`${bin}/hone`, ["--data", data, "serve", "--auth", "open", "--listen", "127.0.0.1:8790"], {
  stdio: ["ignore", "inherit", "inherit"],
});

async function ready() {
  for (let i = 0; i < 100; i += 1) {
    const answer = await fetch(`${address}/readyz`).catch(() => null);
    if (answer?.status === 200) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("hone serve is not ready");
}

// Every page at one width and scheme: it shows its heading, no error, and nothing sticks out sideways.
async function look(browser, width, scheme) {
  const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme: scheme });
  const problems = [];
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  const name = `${width} ${scheme}`;
  for (const [path, heading] of [
    ["/", "Overview"],
    ["/interactions", "Interactions"],
    ["/review", "Review"],
    ["/review/pairs", "Review"],
    ["/datasets", "Datasets"],
    ["/runs", "Runs"],
    ["/models", "Models"],
    ["/releases", "Releases"],
  ]) {
    await page.goto(address + path);
    await page.getByRole("heading", { level: 1, name: heading }).waitFor({ timeout: 10000 });
    await page.waitForLoadState("networkidle", { timeout: 3000 }).catch(() => {});
    check((await page.locator(".problem").count()) === 0, `${name} ${path}: shows a problem`);
    const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    check(over <= 0, `${name} ${path}: ${over} px wider than the window`);
    if (pictures) await page.screenshot({ path: `${pictures}/${width}-${scheme}${path.replaceAll("/", "-")}.png`, fullPage: true });
  }
  await page.goto(`${address}/interactions`);
  const link = page.locator("td a").first();
  await link.waitFor({ timeout: 10000 });
  await page.selectOption("select", "modified");
  await page.locator(".mark.modified").first().waitFor({ timeout: 10000 });
  await page.locator("td a").first().click();
  await page.locator(".message.assistant").first().waitFor({ timeout: 10000 });
  check((await page.locator(".message.user").count()) > 0, `${name}: an interaction without its context`);
  check((await page.locator(".diff ins, .diff del").count()) > 0, `${name}: a modified answer without its edit`);
  if (pictures) await page.screenshot({ path: `${pictures}/${width}-${scheme}-interaction.png`, fullPage: true });
  await page.getByRole("link", { name: "all of it" }).click();
  await page.getByRole("heading", { level: 1, name: "Session" }).waitFor({ timeout: 10000 });
  check((await page.locator(".message.assistant").count()) > 0, `${name}: a session without its answers`);
  check((await page.locator(".message a").count()) > 0, `${name}: a session without its calls`);
  const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  check(over <= 0, `${name} session: ${over} px wider than the window`);
  if (pictures) await page.screenshot({ path: `${pictures}/${width}-${scheme}-session.png`, fullPage: true });
  await lookAtDataset(page, name, pictures && `${pictures}/${width}-${scheme}`);
  check(problems.length === 0, `${name}: ${problems.join("; ")}`);
  await page.close();
}

// From a dataset's card to an example, to the moment it came from, and back; and through its pages.
async function lookAtDataset(page, name, picture) {
  const fits = async (what) => {
    check((await page.locator(".problem").count()) === 0, `${name} ${what}: shows a problem`);
    const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    check(over <= 0, `${name} ${what}: ${over} px wider than the window`);
    if (picture) await page.screenshot({ path: `${picture}-${what}.png`, fullPage: true });
  };
  const ids = page.locator(".example h2 code");
  await page.goto(`${address}/datasets`);
  await page.locator("section h2 a").first().click();
  await ids.first().waitFor({ timeout: 30000 });
  const shown = await ids.allTextContents();
  check(shown.length === 10 && new Set(shown).size === 10, `${name}: ${shown.length} examples on a card, not ten`);
  for (const title of ["train", "held out", "Verdicts", "Sources", "Domains", "Left out", "Lengths and strengths"]) {
    const there = await page.getByRole("heading", { level: 2, name: title, exact: true }).count();
    check(there === 1, `${name}: a card without ${title}`);
  }
  await fits("card");

  await page.locator(".example td a").first().click();
  await page.getByRole("heading", { level: 2, name: "Context" }).waitFor({ timeout: 10000 });
  check(new URL(page.url()).pathname.startsWith("/interactions/"), `${name}: an example leads to ${page.url()}`);
  await fits("moment");
  await page.getByRole("link", { name: shown[0] }).first().click();
  await page.getByRole("heading", { level: 1, name: "Example of" }).waitFor({ timeout: 10000 });
  await ids.first().waitFor({ timeout: 10000 });
  check(String(await ids.allTextContents()) === shown[0], `${name}: an interaction does not lead back to its example`);
  check((await page.locator(".example .message").count()) > 0, `${name}: an example without its text`);

  await page.locator("h1 a").click();
  await page.getByRole("link", { name: "all examples" }).click();
  await page.getByRole("heading", { level: 1, name: "Examples of" }).waitFor({ timeout: 10000 });
  const turned = (from) =>
    page.waitForFunction(
      (id) => ![null, undefined, id].includes(document.querySelector(".example h2 code")?.textContent),
      from,
      { timeout: 10000 },
    );
  await turned("");
  const first = await ids.allTextContents();
  await fits("examples");
  await page.getByRole("button", { name: "next" }).click();
  await turned(first[0]);
  const second = await ids.allTextContents();
  check(first.length === 20 && !second.some((id) => first.includes(id)), `${name}: the next page is the same`);
  await page.getByRole("button", { name: "back" }).click();
  await turned(second[0]);
  check(String(await ids.allTextContents()) === String(first), `${name}: back leads elsewhere`);
}

try {
  if (pictures) mkdirSync(pictures, { recursive: true });
  await ready();
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync", "--disable-quic"],
  });
  for (const width of [1280, 390]) for (const scheme of ["light", "dark"]) await look(browser, width, scheme);
  await lookAtPeople({ browser, bin, check, pictures });
  await browser.close();
} catch (error) {
  failures.push(error.stack ?? String(error));
} finally {
  server.kill("SIGTERM");
}
for (const failure of failures) console.error(`dashboard: ${failure}`);
console.log(`dashboard: ${passed} checks hold, ${failures.length} do not`);
process.exit(failures.length === 0 ? 0 : 1);
