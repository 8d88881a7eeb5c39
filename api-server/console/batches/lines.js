// Results as a contact sheet, errors as a list: a page at a time, so that a million lines are as quick as ten.

import { call } from "../base/api.js";
import { fill, h } from "../base/dom.js";
import { count, percent } from "../base/format.js";
import { card, empty, load, pager, waiting } from "../base/pieces.js";
import { t } from "../base/words.js";

const A_PAGE = 24;
const TAGS = 4;
const PHOTOS = "tagfleet-photos";

/** `batch()` tells how it stands now. Returns what fills up a first page that is not full yet, and tells whether any line was shown. */
export function showLines(place, path, batch, signal) {
  const kinds = { results: () => batch().request_counts.completed, errors: () => batch().request_counts.failed };
  const sheet = h("div", waiting());
  let kind = kinds.results() || !kinds.errors() ? "results" : "errors";
  let begun = [""];
  let shown = 0;

  const choice = (name) => h("label.check", h("input", { type: "radio", name: "lines", value: name, checked: name === kind, onchange: () => { kind = name; begun = [""]; look(); } }), t(`lines.${name}`));
  const photos = h("label.check", h("input", { type: "checkbox", checked: showsPhotos(), onchange: ({ target }) => { localStorage.setItem(PHOTOS, target.checked ? "yes" : "no"); look(); } }), t("lines.photos"));
  const again = h("button.plain.small", { type: "button", onclick: () => look() }, t("lines.look"));
  fill(place, card(t("lines"), h("div.row", h("div.row.grow", { role: "radiogroup", "aria-label": t("lines") }, Object.keys(kinds).map(choice)), photos, again), sheet));

  const look = () => load(sheet, async () => {
    const response = await call(`${path}/${kind}`, { query: { limit: A_PAGE, after: begun.at(-1) }, signal });
    const lines = (await response.text()).split("\n").filter(Boolean).map((line) => JSON.parse(line));
    const next = response.headers.get("x-next-cursor");
    shown = lines.length;
    if (!lines.length && begun.length === 1) return empty(t(`lines.${kind}.none`), t("lines.none.how"));
    const first = (begun.length - 1) * A_PAGE;
    return [
      kind === "results" ? h("ol.sheet", lines.map(photo)) : h("ol.errors", lines.map(failure)),
      pager({
        back: begun.length > 1 && (() => { begun.pop(); look(); }),
        next: lines.length === A_PAGE && (() => { begun.push(next); look(); }),
        where: t("lines.where", { first: count(first + Math.min(1, lines.length)), last: count(first + lines.length), total: count(kinds[kind]()) }),
      }),
    ];
  }, () => look());
  look();
  return () => {
    const more = begun.length === 1 && shown < A_PAGE && kinds[kind]() > shown;
    // Nothing moves away below a keyboard's focus.
    if (more && !sheet.contains(document.activeElement)) look();
    return shown > 0;
  };
}

const showsPhotos = () => localStorage.getItem(PHOTOS) !== "no";

function photo({ custom_id, line, url, response }) {
  const { tags = [], caption } = response?.body ?? {};
  const image = showsPhotos() && h("img", { src: url, alt: caption?.text ?? custom_id, loading: "lazy", decoding: "async", referrerpolicy: "no-referrer" });
  const seen = h("a.frame", { href: url, target: "_blank", rel: "noreferrer noopener", "aria-label": t("lines.open", { name: custom_id }) }, image || h("span.quiet", t("lines.hidden")));
  if (image) image.addEventListener("error", () => fill(seen, h("span.quiet", t("lines.unseen"))));
  return h("li",
    seen,
    h("div.under", h("span.quiet.id", { title: url }, `${line} · ${custom_id}`),
      tags.length ? h("ul.chips", tags.slice(0, TAGS).map(({ name, confidence }) => h("li", name, h("small", percent(confidence))))) : h("span.quiet", t("answer.no_tags.short")),
      caption?.text && h("p", caption.text)));
}

function failure({ custom_id, line, url, error }) {
  return h("li",
    h("div.row", h("span.quiet", `${line}`), h("strong", custom_id), h("code", error.code), error.reason && h("code", error.reason), error.retryable && h("span.badge", t("lines.retryable"))),
    h("p", error.message), h("p.quiet.id", url));
}
