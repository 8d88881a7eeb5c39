// The one table of words: nothing missing, nothing left over, each in both languages.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { WORDS } from "../../api-server/console/base/table.js";

const FOLDER = new URL("../../api-server/console/", import.meta.url);
const scripts = readdirSync(FOLDER, { recursive: true }).filter((name) => name.endsWith(".js") && !name.endsWith("table.js"));
const text = scripts.map((name) => readFileSync(new URL(name, FOLDER), "utf8")).join("\n");

test("every word that a page uses is in the table", () => {
  const used = [...text.matchAll(/\bt\("([\w.]+)"/g)].map(([, key]) => key);
  assert.ok(used.length > 150, `${used.length} words`);
  assert.deepEqual(used.filter((key) => !(key in WORDS)), []);
});

test("every word of the table is used", () => {
  const whole = new Set([...text.matchAll(/"([\w.]+)"/g)].map(([, key]) => key));
  // `stage.${name}`: whatever begins so may be meant.
  const begun = [...text.matchAll(/`([\w.]+\.)\$\{/g)].map(([, start]) => start);
  const kinds = ["cached.", "closed."];
  const isUsed = (key) => whole.has(key) || [...begun, ...kinds].some((start) => key.startsWith(start));
  assert.deepEqual(Object.keys(WORDS).filter((key) => !isUsed(key)), []);
});

test("every word is there in English and in Korean, with the same blanks", () => {
  const blanks = (words) => [...words.matchAll(/\{\w+\}/g)].map(String).sort();
  for (const [key, [english, korean, ...more]] of Object.entries(WORDS)) {
    assert.ok(english && korean && !more.length, key);
    assert.deepEqual(blanks(english), blanks(korean), key);
  }
});
