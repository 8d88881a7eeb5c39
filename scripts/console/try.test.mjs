// Try: what somebody does who has just opened the page.

import assert from "node:assert/strict";
import { test } from "node:test";
import { looksRight, ORIGIN, shot, SIZES, tabTo, visit } from "./browser.mjs";

const done = (page, many) => page.waitForFunction((many) => document.querySelectorAll(".strip [data-state=done]").length === many, many);

test("a sample is clicked, and its tags and stages are there", () => visit("", async (page) => {
  await page.click(".sample >> nth=0");
  await page.waitForSelector(".tags li");
  assert.ok((await page.locator(".waterfall li").count()) >= 4);
  assert.match(await page.innerText(".command"), /curl -sS '.*' \\\n\s+-H 'content-type: image\/png' \\\n\s+--data-binary '@cat\.png'/);
  await page.click("text=The whole answer");
  assert.match(await page.innerText("details[open] >> nth=1"), /"timings_ms"/);
}));

test("several photos at a time, and each can be looked at again", () => visit("#/try", async (page) => {
  await page.click("text=All of them");
  await done(page, 6);
  const first = page.locator(".strip button").last();
  await first.click();
  assert.equal(await page.locator(".strip button").last().getAttribute("aria-pressed"), "true");
  await page.click("nav >> text=Fleet");
  await page.click("nav >> text=Try");
  await done(page, 6);
}));

test("addresses are tagged, one or many, and a problem says what is wrong", () => visit("#/try", async (page) => {
  await page.fill("#url", `${ORIGIN}/cat.png?one ${ORIGIN}/coffee.png?two`);
  await page.click("#go");
  await done(page, 2);
  await page.fill("#url", `${ORIGIN}/missing.jpg`);
  await page.keyboard.press("Enter");
  await page.waitForSelector(".problem");
  assert.match(await page.innerText(".problem"), /source_http_error/);
}, { failing: true }));

test("the keyboard alone is enough", () => visit("#/try", async (page) => {
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.id), "skip");
  await page.waitForSelector(".sample");
  await tabTo(page, "#file");
  await tabTo(page, ".sample");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".tags li");
  await tabTo(page, ".strip button");
  assert.match(await page.innerText("#said"), /^cat\.png: /);
}));

test("files can be chosen and dropped", () => visit("#/try", async (page) => {
  await page.waitForSelector(".sample");
  const photo = { name: "mine.png", mimeType: "image/png", buffer: Buffer.from(await (await fetch(`${ORIGIN}/cat.png`)).arrayBuffer()) };
  await page.setInputFiles("#file", [photo, { ...photo, name: "again.png" }]);
  await done(page, 2);
}));

for (const size of Object.keys(SIZES)) for (const theme of ["light", "dark"]) {
  test(`nothing to find fault with: ${size}, ${theme}`, () => visit("#/try", async (page) => {
    await page.waitForSelector(".sample");
    await looksRight(page, "empty");
    await shot(page, `try-empty-${size}-${theme}`);
    await page.click("text=All of them");
    await done(page, 6);
    await looksRight(page, "answers");
    await shot(page, `try-${size}-${theme}`);
  }, { size, theme }));
}
