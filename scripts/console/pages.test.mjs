// Fleet, Requests, Keys and Search; languages and themes.

import assert from "node:assert/strict";
import { test } from "node:test";
import { api, KEY, KEYED, looksRight, OPEN, ORIGIN, photos, shot, SIZES, tabTo, visit } from "./browser.mjs";

const tagged = (url, base = OPEN) => api("/v1/tags", { method: "POST", body: JSON.stringify({ image: { url } }), base });

test("the fleet is shown as it works", () => visit("#/fleet", async (page) => {
  await page.waitForSelector("tbody tr");
  assert.match(await page.innerText(".lanes"), /Tagging, real time/);
  for (const url of photos(12, "fleet")) await tagged(url);
  await page.waitForSelector("ol.heat rect");
  assert.ok((await page.locator("ol.heat li").count()) >= 12);
}));

test("a failed request is found, and its way is shown", async () => {
  const response = await fetch(`${OPEN}/v1/tags`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ image: { url: `${ORIGIN}/no-such.jpg` } }) });
  const { request_id } = await response.json();
  await visit("#/requests", async (page) => {
    await page.click(".requests summary >> text=source_http_error >> nth=0");
    await page.waitForSelector(".story .waterfall li");
    await looksRight(page, "story");
    await page.goto(`${OPEN}/#/requests/${request_id}`);
    await page.waitForSelector("h1 >> text=A request");
    await page.waitForSelector(".waterfall li");
    assert.match(await page.innerText("main"), /source_http_error/);
    await page.click("text=All requests");
    await page.fill("#request", "req_none");
    await page.keyboard.press("Enter");
    await page.waitForSelector(".problem");
  }, { failing: true });
});

test("a service with keys asks for one, keeps it for the tab, and tells what is left", () => visit("#/batches", async (page) => {
  await page.waitForSelector("#key-form");
  await looksRight(page, "key wanted");
  await tabTo(page, "#key");
  await page.keyboard.type(KEY);
  await page.keyboard.press("Enter");
  await page.waitForSelector("text=No batches yet");
  await page.click("nav >> text=Keys");
  await page.waitForSelector(".lanes .meter");
  assert.match(await page.innerText("main"), /Requests with this key\s+50 in 1 sec/);
  assert.match(await page.innerText("main"), /shop/);
  assert.equal((await page.innerText("main")).includes(KEY), false);
  await page.click("text=Forget it");
  await page.waitForSelector("#key-form");
}, { base: KEYED, failing: true }));

test("Korean is spoken throughout", () => visit("#/try", async (page) => {
  assert.equal(await page.getAttribute("html", "lang"), "ko");
  for (const name of ["체험", "배치", "플릿", "요청", "키"]) {
    await page.click(`nav >> text=${name}`);
    await page.waitForFunction((name) => document.title.startsWith(name), name);
  }
  await page.selectOption("#settings select >> nth=0", "en");
  await page.waitForSelector("nav >> text=Fleet");
}, { locale: "ko-KR" }));

test("a theme that is chosen stays", () => visit("#/keys", async (page) => {
  await page.selectOption("#settings select >> nth=1", "dark");
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const dark = await ground();
  await page.reload();
  await page.waitForSelector("main .page");
  assert.equal(await ground(), dark);
  assert.notEqual(dark, "rgb(243, 245, 244)");
}));

const phrases = async (page) => {
  await page.route("**/v1/models", async (route) => {
    const models = await (await route.fetch()).json();
    models.models.push({ name: "phrases", version: "1", kind: "phrase" });
    await route.fulfill({ json: models });
  });
  await page.route("**/v1/search/tags", (route) => route.fulfill({ json: { tags: [{ id: "seashore", name: "seashore", category: "place", score: 0.75 }], model: { name: "phrases", version: "1" } } }));
};

test("a phrase finds tags where the fleet can do that", () => visit("#/fleet", async (page) => {
  await page.click("nav >> text=Search");
  await page.fill("#phrase", "the sea");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".tags li");
  assert.match(await page.innerText(".tags"), /seashore\s*place/);
  await looksRight(page, "search");
}, { prepare: phrases }));

test("where it cannot, there is no such page to choose", () => visit("#/fleet", async (page) => {
  await page.waitForSelector("tbody tr");
  assert.equal(await page.locator("nav >> text=Search").count(), 0);
}));

for (const size of Object.keys(SIZES)) for (const theme of ["light", "dark"]) {
  test(`nothing to find fault with: ${size}, ${theme}`, async () => {
    await tagged(photos(1, `looks-${size}-${theme}`)[0]);
    for (const [name, ready] of [["fleet", "ol.heat"], ["requests", ".requests li"], ["keys", "text=Usage and limits"]]) {
      await visit(`#/${name}`, async (page) => {
        await page.waitForSelector(ready);
        await looksRight(page, name);
        await shot(page, `${name}-${size}-${theme}`);
      }, { size, theme });
    }
  });
}
