// Which language the page speaks, and its words in it.

import { WORDS } from "./table.js";

export const LANGUAGES = { en: "English", ko: "한국어" };
const LANGUAGE = "tagfleet-language";
const COLUMNS = Object.keys(LANGUAGES);

export function language() {
  const kept = localStorage.getItem(LANGUAGE);
  if (kept in LANGUAGES) return kept;
  const liked = navigator.languages.map((tag) => tag.split("-")[0]);
  return liked.find((tag) => tag in LANGUAGES) ?? "en";
}

export const choose = (tag) => localStorage.setItem(LANGUAGE, tag);

/** The words of a key, `{name}` filled in. A key that is missing shows itself. */
export function t(key, values = {}) {
  const words = WORDS[key]?.[COLUMNS.indexOf(language())] ?? key;
  return words.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

/** Whether there are words for it: codes of the service may be newer than this page. */
export const known = (key) => key in WORDS;
