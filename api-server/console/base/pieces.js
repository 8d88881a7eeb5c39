// What every page is made of: cards, problems, empty and waiting states, meters, pages of a list, questions.

import { Problem } from "./api.js";
import { announce, fill, h } from "./dom.js";
import { t } from "./words.js";

export const card = (title, ...children) => h("section.card", title && h("h2", title), ...children);

/** The page's first heading. It takes the focus when the page is opened, so that it is read out. */
export const heading = (text, ...beside) => h("div.heading", h("h1", { tabindex: "-1" }, text), ...beside);

export const waiting = () => h("div.waiting", { role: "status" }, h("span.quiet", t("waiting")), h("i"), h("i"), h("i"));

export const empty = (title, detail, ...ways) => h("div.empty", h("strong", title), detail && h("p", detail), ways.length > 0 && h("div.row", ...ways));

export function problemCard(error, again) {
  const told = error instanceof Problem ? error.told : { title: t("problem.bug"), detail: String(error?.stack ?? error), code: "none" };
  return h("section.card.problem", { role: "alert" },
    h("h2", told.title ?? told.code),
    h("p", told.detail),
    h("p.quiet", told.code && told.code !== "none" && h("code", told.code),
      told.stage && ` · ${t("problem.stage")} ${told.stage}`,
      told.request_id && [" · ", h("code", told.request_id)],
      told.retryable && ` · ${t("problem.retryable")}`),
    again && h("button.small", { type: "button", onclick: again }, t("again")));
}

/** Fills a place with what comes, and with a problem where that fails. Returns whether it went well. */
export async function load(place, look, again) {
  place.setAttribute("aria-busy", "true");
  try {
    const made = await look();
    if (made) fill(place, made);
    return true;
  } catch (error) {
    if (error.name === "AbortError") return false;
    fill(place, problemCard(error, again));
    return false;
  } finally {
    place.removeAttribute("aria-busy");
  }
}

/** A bar of parts of a whole: `meter("Done", 10, [["good", 7], ["bad", 1]])`. */
export function meter(label, whole, parts) {
  const sum = parts.reduce((all, [, n]) => all + n, 0);
  const bar = h("div.meter", { role: "meter", "aria-label": label, "aria-valuemin": 0, "aria-valuemax": whole, "aria-valuenow": Math.min(sum, whole) });
  for (const [kind, n] of parts) bar.append(h("i", { dataset: { kind }, style: { width: `${whole ? (Math.min(n, whole) / whole) * 100 : 0}%` } }));
  return bar;
}

/** A large figure with its name. */
export const figure = (name, value, detail) => h("div.figure", h("dt", name), h("dd", value, detail && h("small", detail)));

/** The ways to the pages before and after. */
export function pager({ back, next, where }) {
  if (!back && !next) return null;
  return h("nav.pager", { "aria-label": t("pager") },
    h("button.plain.small", { type: "button", disabled: !back, onclick: back }, `← ${t("pager.back")}`),
    h("span.quiet", where),
    h("button.plain.small", { type: "button", disabled: !next, onclick: next }, `${t("pager.next")} →`));
}

/** A table that scrolls by itself where it is too wide, by keyboard too. */
export function table(caption, columns, rows) {
  const head = h("tr", columns.map((column) => h("th", { scope: "col", class: column.number ? "number" : null }, column.name)));
  const cell = (value, index) => (index === 0 ? h("th", { scope: "row" }, value) : h("td", { class: columns[index].number ? "number" : null, "data-name": columns[index].name }, value));
  return h("div.scroll", { tabindex: "0", role: "region", "aria-label": caption },
    h("table", h("caption.hidden", caption), h("thead", head), h("tbody", rows.map((row) => h("tr", row.map(cell))))));
}

/** Asks before what cannot be undone. Returns whether it is to be done. */
export function sure(question, detail, deed) {
  return new Promise((resolve) => {
    const dialog = h("dialog.card", { "aria-labelledby": "sure-title" },
      h("h2", { id: "sure-title" }, question), h("p", detail),
      h("form.row.end", { method: "dialog" }, h("button.plain", { value: "no" }, t("sure.no")), h("button.danger", { value: "yes" }, deed)));
    dialog.addEventListener("close", () => { resolve(dialog.returnValue === "yes"); dialog.remove(); });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** A command, and a way to take it along. */
export function command(text) {
  const copy = h("button.plain.small", { type: "button", onclick: async () => { await navigator.clipboard.writeText(text); announce(t("copied")); copy.textContent = t("copied"); } }, t("copy"));
  return h("div.command", h("pre", { tabindex: "0", role: "region", "aria-label": t("shell") }, h("code", text)), copy);
}
