// Failures grouped by their cause, each group with its own way to try it again.

import { h } from "../base/dom.js";
import { count, percent } from "../base/format.js";
import { card } from "../base/pieces.js";
import { known, t } from "../base/words.js";
import { isFinal } from "./state.js";

export function failuresCard(batch, retry) {
  const { by_code, by_reason, by_host } = batch.failures;
  const { failed } = batch.request_counts;
  if (!failed) return null;
  const ended = isFinal(batch);
  // A row that could not be read would be the same again.
  const again = (code) => ended && code !== "invalid_row" && h("button.plain.small", { type: "button", onclick: () => retry({ code }), "aria-label": t("failures.again.code", { code }) }, t("failures.again"));
  return card(t("batch.failures"),
    h("div.row", h("p.quiet.grow", ended ? t("failures.how") : t("failures.later")),
      ended && h("button.small", { type: "button", id: "retry", onclick: () => retry({ only: "retryable" }) }, t("failures.retryable")),
      ended && h("button.plain.small", { type: "button", onclick: () => retry({ only: "all" }) }, t("failures.all"))),
    h("div.columns",
      group(t("failures.by_code"), by_code, failed, (code) => [h("a", { href: `/problems/${code}` }, code), known(`code.${code}`) && h("small", t(`code.${code}`))], again),
      group(t("failures.by_host"), by_host, failed, (host) => host),
      group(t("failures.by_reason"), by_reason, failed, (reason) => reason)));
}

function group(title, counts, whole, name, deed = () => null) {
  const rows = Object.entries(counts).sort(([, one], [, other]) => other - one);
  if (!rows.length) return null;
  const row = ([key, n]) => h("li",
    h("span.cause", name(key)), h("span.number", count(n), h("small", percent(n / whole))), h("span", deed(key)),
    h("div.bar", { "aria-hidden": "true" }, h("i.bad", { style: { width: `${(n / whole) * 100}%` } })));
  return h("div", h("h3", title), h("ol.causes", rows.map(row)));
}
