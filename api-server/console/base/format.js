// Numbers, times and sizes as people read them, in the page's language.

import { language, t } from "./words.js";

export const count = (n) => new Intl.NumberFormat(language()).format(n ?? 0);
export const percent = (share, digits = 0) => new Intl.NumberFormat(language(), { style: "percent", maximumFractionDigits: digits }).format(share ?? 0);
export const rate = (n) => (n === null || n === undefined ? "–" : new Intl.NumberFormat(language(), { maximumSignificantDigits: 3 }).format(n));
export const money = (n) => new Intl.NumberFormat(language(), { maximumFractionDigits: 2 }).format(n);

export function ms(n) {
  if (n === null || n === undefined) return "–";
  if (n >= 10_000) return `${(n / 1000).toFixed(1)} s`;
  return `${n < 10 ? n.toFixed(2) : n < 100 ? n.toFixed(1) : n.toFixed(0)} ms`;
}

const UNITS = [["day", 86_400], ["hour", 3_600], ["minute", 60], ["second", 1]];

/** `2 min`, `1.5 hr`. */
export function duration(seconds) {
  const [unit, size] = UNITS.find(([, size]) => seconds >= size) ?? UNITS.at(-1);
  const shown = { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: unit === "second" ? 0 : 1 };
  return new Intl.NumberFormat(language(), shown).format(seconds / size);
}

/** `3 min ago`, of seconds since 1970. */
export function ago(at) {
  const passed = Math.max(0, Date.now() / 1000 - at);
  const [unit, size] = UNITS.find(([, size]) => passed >= size) ?? UNITS.at(-1);
  return new Intl.RelativeTimeFormat(language(), { numeric: "auto", style: "short" }).format(-Math.floor(passed / size), unit);
}

export const moment = (at) => new Date(at * 1000).toLocaleString(language(), { dateStyle: "medium", timeStyle: "medium" });

export function bytes(n) {
  const [unit, size] = [["terabyte", 1e12], ["gigabyte", 1e9], ["megabyte", 1e6], ["kilobyte", 1e3], ["byte", 1]].find(([, size]) => n >= size) ?? ["byte", 1];
  return new Intl.NumberFormat(language(), { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: 1 }).format(n / size);
}

/** How long it may take yet: `3 min (2 min to 5 min)`. */
export function eta({ seconds, earliest, latest }) {
  const near = duration(seconds);
  const [low, high] = [duration(earliest), duration(latest)];
  return low === high ? near : `${near} (${t("eta.between", { low, high })})`;
}

/** Sure to be one word of a shell. */
export const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;
