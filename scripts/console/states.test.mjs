// What a page looks like while it waits, when something fails, when there is nothing, and when there is very much.

import assert from "node:assert/strict";
import { test } from "node:test";
import { looksRight, missing, ended, shot, submit, visit } from "./browser.mjs";

const PAGES = { "#/batches": "**/v1/batches?*", "#/fleet": "**/v1/fleet", "#/requests": "**/v1/requests", "#/keys": "**/v1/usage", "#/batches/batch_0123456789abcdef0123456789abcdef": "**/v1/batches/batch_*" };

for (const [hash, path] of Object.entries(PAGES)) {
  test(`${hash} waits visibly`, () => visit(hash, async (page) => {
    await page.waitForSelector(".waiting");
    await looksRight(page, hash);
  }, { prepare: (page) => page.route(path, () => {}) }));

  test(`${hash} says what failed, and comes back`, () => {
    let broken = true;
    const problem = { type: "/problems/store_unavailable", title: "The object store cannot be reached", status: 503, detail: "Try again shortly.", code: "store_unavailable", stage: "admit", retryable: true, request_id: "req_1" };
    const answer = (route) => (broken ? route.fulfill({ status: 503, contentType: "application/problem+json", body: JSON.stringify(problem) }) : route.continue());
    return visit(hash, async (page) => {
      await page.waitForSelector(".problem >> text=store_unavailable");
      await looksRight(page, hash);
      broken = false;
      // A page that looks again by itself may have come back before anybody clicks.
      await page.evaluate(() => document.querySelector(".problem button")?.click());
      await page.waitForFunction(() => !document.querySelector("main").innerText.includes("store_unavailable"));
    }, { prepare: (page) => page.route(path, answer), failing: true });
  });
}

test("a server that does not answer is named", () => visit("#/fleet", async (page) => {
  await page.waitForSelector(".problem >> text=The server does not answer");
}, { prepare: (page) => page.route("**/v1/fleet", (route) => route.abort()), failing: true }));

test("with ten thousand batches a page has twenty, and the ways on", () => {
  const batch = (n) => ({ id: `batch_${String(n).padStart(32, "0")}`, status: "completed", model: "m", request_counts: { total: 1_000_000, completed: 990_000, failed: 10_000 }, created_at: 1_700_000_000, metadata: { name: `Album ${n} with a name that is rather long, as people write them` }, failures: { by_code: {}, by_reason: {}, by_host: {} }, warnings: [], rate_per_s: 812.5, eta: null, dry_run: null });
  const answer = (route) => {
    const after = Number(new URL(route.request().url()).searchParams.get("after")?.slice(6) ?? 10_000);
    const data = Array.from({ length: 20 }, (_, n) => batch(after - 1 - n));
    return route.fulfill({ json: { object: "list", data, first_id: data[0].id, last_id: data.at(-1).id, has_more: after > 20 } });
  };
  return visit("#/batches", async (page) => {
    await page.waitForSelector("text=Album 9999");
    assert.equal(await page.locator(".batches li").count(), 20);
    await page.click("text=Next →");
    await page.waitForSelector("text=Album 9979");
    await page.click("text=← Back");
    await page.waitForSelector("text=Album 9999");
    await looksRight(page, "many");
    await shot(page, "many-batches");
  }, { size: "phone", theme: "dark", prepare: (page) => page.route("**/v1/batches?*", answer) });
});

test("of ten thousand failures a page is read quickly, and is small", async () => {
  const { id } = await submit([...missing(1), ...Array.from({ length: 9_999 }, (_, n) => `not an address ${n}`)]);
  const batch = await ended(id);
  assert.equal(batch.request_counts.failed, 10_000);
  await visit(`#/batches/${id}`, async (page) => {
    await page.waitForSelector("text=1 – 24 of 10,000");
    for (const where of ["25 – 48", "49 – 72", "73 – 96"]) {
      const [response] = await Promise.all([page.waitForResponse(/errors\?/), page.click("text=Next →")]);
      assert.ok((await response.body()).length <= 50_000);
      await page.waitForSelector(`text=${where} of 10,000`);
    }
  });
});
