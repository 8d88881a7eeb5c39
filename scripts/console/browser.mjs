// A browser for the tests, and what they all look at: words of the console, strangers, whether something is broken.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before } from "node:test";

const fetched = createRequire(`${process.env.CONSOLE_MODULES}/`);
const { chromium } = fetched("playwright-core");
const AXE = readFileSync(fetched.resolve("axe-core/axe.min.js"), "utf8");

export const OPEN = process.env.CONSOLE_OPEN;
export const KEYED = process.env.CONSOLE_KEYED;
export const KEY = process.env.CONSOLE_KEY;
export const ORIGIN = process.env.CONSOLE_ORIGIN;
const SHOTS = process.env.CONSOLE_SHOTS;

export const SIZES = { phone: { width: 390, height: 844 }, wide: { width: 1280, height: 900 } };

let browser;
before(async () => { browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] }); });
after(() => browser?.close());

/** Opens a page in a browser without memory, hands it to `test`, and fails on what the console did wrong meanwhile. */
export async function visit(hash, test, { base = OPEN, size = "wide", theme = "light", locale = "en-US", prepare, failing = false } = {}) {
  const context = await browser.newContext({ viewport: SIZES[size], colorScheme: theme, locale, reducedMotion: "reduce", permissions: ["clipboard-write"] });
  const page = await context.newPage();
  // axe looks at each theme and each width once: at a wide light page, and at a phone's dark one.
  page.isForAxe = (size === "wide") === (theme === "light");
  const wrong = watched(page, base, failing);
  await prepare?.(page);
  await page.goto(`${base}/${hash}`);
  await page.waitForSelector("main .page");
  await test(page);
  await context.close();
  assert.deepEqual(wrong, []);
}

/** Errors of scripts, breaches of the policy, and requests to anybody but the service and the hosts of photos. */
function watched(page, base, failing) {
  const wrong = [];
  page.on("pageerror", (error) => wrong.push(String(error.stack)));
  page.on("console", (message) => {
    const expected = failing && message.text().startsWith("Failed to load resource");
    if (message.type() === "error" && !expected) wrong.push(message.text());
  });
  page.on("request", (request) => {
    const { origin, protocol } = new URL(request.url());
    const photo = request.resourceType() === "image" && origin === ORIGIN;
    if (protocol.startsWith("http") && origin !== base && !photo) wrong.push(`asked ${request.url()}`);
  });
  return wrong;
}

/** No finding of axe, nothing wider than the window, nothing that a keyboard cannot reach. */
export async function looksRight(page, name) {
  if (page.isForAxe) await pleasesAxe(page, name);
  const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(over <= 0, `${name} is ${over} px too wide`);
}

async function pleasesAxe(page, name) {
  await page.evaluate(AXE);
  const { violations, passes } = await page.evaluate(() => globalThis.axe.run(document));
  assert.ok(passes.length > 15, `axe looked at ${passes.length} rules`);
  assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target).join(", ")}`), [], name);
}

export async function shot(page, name) {
  if (!SHOTS) return;
  mkdirSync(SHOTS, { recursive: true });
  await page.screenshot({ path: `${SHOTS}/${name}.png`, fullPage: true });
}

/** Presses Tab until what fits the selector has the focus, as somebody without a mouse would. */
export async function tabTo(page, selector, most = 60) {
  for (let pressed = 0; pressed < most; pressed += 1) {
    await page.keyboard.press("Tab");
    if (await page.evaluate((wanted) => document.activeElement?.matches(wanted), selector)) return;
  }
  assert.fail(`${selector} cannot be reached with ${most} times Tab`);
}

/** Asks the API, past the page. */
export async function api(path, { method = "GET", body, type = "application/json", base = OPEN } = {}) {
  const headers = { "content-type": type, ...(base === KEYED && { authorization: `Bearer ${KEY}` }) };
  const response = await fetch(`${base}${path}`, { method, headers: body === undefined ? {} : headers, body });
  assert.ok(response.ok, `${path}: ${response.status}`);
  return response.json();
}

/** A batch of that list, as it is when it has ended. */
export async function ended(id) {
  const { body } = await fetch(`${OPEN}/v1/batches/${id}/events`);
  // The stream ends with the batch.
  for await (const _ of body);
  return api(`/v1/batches/${id}`);
}

export const submit = (list, query = "") => api(`/v1/batches?features=tags${query}`, { method: "POST", type: "text/plain", body: list.join("\n") });

const PHOTOS = ["cat.png", "coffee.png", "flower.jpg", "motorcycle.png", "palace.jpg", "rocket.jpg"];
/** Photos that are there, each another one to the cache. */
export const photos = (many, name = "photo") => Array.from({ length: many }, (_, n) => `${ORIGIN}/${PHOTOS[n % PHOTOS.length]}?${name}-${n}`);
export const missing = (many) => Array.from({ length: many }, (_, n) => `${ORIGIN}/missing-${n}.jpg`);
