// Batches: submit, watch, look at results, try again what failed, cancel, forecast.

import assert from "node:assert/strict";
import { test } from "node:test";
import { api, ended, KEY, KEYED, looksRight, missing, photos, shot, SIZES, submit, tabTo, visit } from "./browser.mjs";

test("pasted addresses become a batch by keyboard alone, and it is watched to its end", () => visit("#/batches", async (page) => {
  await tabTo(page, "a[href='#/batches/new']");
  await page.keyboard.press("Enter");
  await page.waitForSelector("textarea[name=urls]");
  await tabTo(page, "textarea[name=urls]");
  await page.keyboard.insertText([...photos(30, "paste"), ...missing(3)].join("\n"));
  await tabTo(page, "input[name=name]");
  await page.keyboard.type("By keyboard");
  await tabTo(page, "#send");
  await page.keyboard.press("Enter");
  await page.waitForSelector("h1:has-text('By keyboard')");
  await page.waitForSelector(".badge[data-state=completed]");
  // The sheet is read anew once the batch has ended.
  await page.waitForFunction(() => document.querySelectorAll(".sheet > li").length === 24);
  await page.click("text=Next →");
  await page.waitForSelector("text=25 – 30 of 30");
  await page.check("input[value=errors]");
  await page.waitForSelector("text=source_http_error");
  await page.click(".causes button");
  await page.waitForSelector("text=what failed of");
  await page.waitForSelector(".badge[data-state=completed]");
  assert.match(await page.innerText(".figures"), /3 of 3/);
}, { failing: true }));

test("a file becomes a batch, and what is wrong with it is told", () => visit("#/batches/new", async (page) => {
  await page.check("input[value=file]");
  await page.setInputFiles("#list", { name: "list.csv", mimeType: "text/csv", buffer: Buffer.from(`custom_id,url\n${photos(5, "file").map((url, n) => `p${n},${url}`).join("\n")}\nbroken\n`) });
  await page.click("#send");
  await page.waitForSelector(".badge[data-state=completed]");
  await page.waitForSelector("text=Warnings about the list: 1");
  assert.match(await page.innerText(".causes"), /invalid_row/);
}));

test("a list in a place that is not allowed is refused in words", () => visit("#/batches/new", async (page) => {
  await page.check("input[value=bucket]");
  await page.fill("input[name=manifest]", "s3://nobody/allows/this.csv");
  await page.click("#send");
  await page.waitForSelector(".problem >> text=manifest_not_allowed");
}, { failing: true }));

test("a batch is cancelled once that is confirmed", () => visit("#/batches", async (page) => {
  const { id } = await submit(photos(2_000, "slow"));
  await page.goto(`${new URL(page.url()).origin}/#/batches/${id}`);
  await page.click("#cancel");
  await page.waitForSelector("dialog[open]");
  await looksRight(page, "question");
  await page.click("dialog >> text=Cancel the batch");
  await page.waitForSelector(".badge[data-state=cancelled]");
  assert.match(await page.innerText(".causes"), /batch_cancelled/);
}));

test("a dry run's forecast is drawn", () => visit("#/batches/new", async (page) => {
  await page.fill("textarea[name=urls]", [...photos(180, "dry"), ...missing(20)].join("\n"));
  await page.check("input[name=dry_run]");
  await page.fill("input[name=sample]", "50");
  await page.click("#send");
  await page.waitForSelector(".plot-rows .between");
  assert.match(await page.innerText("main"), /From \d+ images that were really fetched and tagged, for 200\./);
  await looksRight(page, "forecast");
  await shot(page, "forecast");
}));

test("results can be taken along", () => visit("#/batches", async (page) => {
  const { id } = await submit(photos(4, "down"));
  await ended(id);
  await page.goto(`${new URL(page.url()).origin}/#/batches/${id}`);
  const [download] = await Promise.all([page.waitForEvent("download"), page.click("text=Download results")]);
  const lines = (await readAll(download)).trim().split("\n").map((line) => JSON.parse(line));
  assert.equal(lines.length, 4);
}));

test("results can be taken along with a key", () => visit("#/batches", async (page) => {
  const made = await api("/v1/batches?features=tags", { method: "POST", type: "text/plain", body: photos(3, "keyed").join("\n"), base: KEYED });
  await page.goto(`${KEYED}/#/batches/${made.id}`);
  await page.waitForSelector(".badge[data-state=completed]");
  const [download] = await Promise.all([page.waitForEvent("download"), page.click("text=Download results")]);
  assert.equal((await readAll(download)).trim().split("\n").length, 3);
}, { base: KEYED, prepare: (page) => page.addInitScript((key) => {
  sessionStorage.setItem("tagfleet-api-key", key);
  // Nobody is there to choose a place on the disk.
  delete window.showSaveFilePicker;
}, KEY) }));

async function readAll(download) {
  const parts = [];
  for await (const part of await download.createReadStream()) parts.push(part);
  return Buffer.concat(parts).toString();
}

for (const size of Object.keys(SIZES)) for (const theme of ["light", "dark"]) {
  test(`nothing to find fault with: ${size}, ${theme}`, async () => {
    const { id } = await submit([...photos(20, "look"), ...missing(4), "not an address"], "&metadata=%7B%22name%22%3A%22Summer%22%7D");
    await ended(id);
    await visit("#/batches", async (page) => {
      await page.waitForSelector(".batches li");
      await looksRight(page, "list");
      await shot(page, `batches-${size}-${theme}`);
      await page.click("text=New batch");
      await page.waitForSelector("#send");
      await page.click("summary");
      await looksRight(page, "new");
      await shot(page, `new-batch-${size}-${theme}`);
      await page.goto(`${new URL(page.url()).origin}/#/batches/${id}`);
      await page.waitForSelector(".sheet li");
      await looksRight(page, "batch");
      await shot(page, `batch-${size}-${theme}`);
      await page.check("input[value=errors]");
      await page.waitForSelector(".errors li");
      await looksRight(page, "errors");
    }, { size, theme, failing: true });
    assert.equal((await api(`/v1/batches/${id}`)).status, "completed");
  });
}
