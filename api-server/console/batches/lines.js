// Results as a contact sheet, errors as a list: a page at a time, so that a million lines are as quick as ten.

import { call } from "../base/api.js";
import { fill, h } from "../base/dom.js";
import { count, percent } from "../base/format.js";
import { card, empty, load, pager, waiting } from "../base/pieces.js";
import { t } from "../base/words.js";

const A_PAGE = 24;
const TAGS = 4;
const PHOTOS = "tagfleet-photos";

export class Lines {
  /** `batch()` tells how it stands now. */
  constructor(place, path, batch, signal) {
    Object.assign(this, { path, batch, signal, shown: 0, begun: [""] });
    this.kind = this.whole("results") || !this.whole("errors") ? "results" : "errors";
    this.sheet = h("div", waiting());
    this.where = h("span");
    fill(place, card(t("lines"), this.choices(), this.sheet));
    this.look();
  }

  whole(kind) {
    const { completed, failed } = this.batch().request_counts;
    return kind === "results" ? completed : failed;
  }

  choices() {
    const choose = (kind) => { Object.assign(this, { kind, begun: [""] }); this.look(); };
    const choice = (kind) => h("label.check", h("input", { type: "radio", name: "lines", value: kind, checked: kind === this.kind, onchange: () => choose(kind) }), t(`lines.${kind}`));
    const show = ({ target }) => { localStorage.setItem(PHOTOS, target.checked ? "yes" : "no"); this.look(); };
    return h("div.row",
      h("div.row.grow", { role: "radiogroup", "aria-label": t("lines") }, choice("results"), choice("errors")),
      h("label.check", h("input", { type: "checkbox", checked: showsPhotos(), onchange: show }), t("lines.photos")),
      h("button.plain.small", { type: "button", onclick: () => this.look() }, t("lines.look")));
  }

  /** A slower look of before must not overwrite what was chosen since. */
  look() {
    this.latest?.abort();
    this.latest = new AbortController();
    return load(this.sheet, () => this.page(AbortSignal.any([this.signal, this.latest.signal])), () => this.look());
  }

  async page(signal) {
    const { begun, kind } = this;
    const response = await call(`${this.path}/${kind}`, { query: { limit: A_PAGE, after: begun.at(-1) }, signal });
    const lines = (await response.text()).split("\n").filter(Boolean).map((line) => JSON.parse(line));
    const next = response.headers.get("x-next-cursor");
    this.shown = lines.length;
    if (!lines.length && begun.length === 1) return empty(t(`lines.${kind}.none`), t("lines.none.how"));
    this.tellWhere();
    const turn = (deed) => () => { deed(); this.look(); };
    return [
      kind === "results" ? h("ol.sheet", lines.map(photo)) : h("ol.errors", lines.map(failure)),
      pager({ back: begun.length > 1 && turn(() => begun.pop()), next: lines.length === A_PAGE && turn(() => begun.push(next)), where: this.where }),
    ];
  }

  /** The whole grows while the batch goes on. */
  tellWhere() {
    const before = (this.begun.length - 1) * A_PAGE;
    const [first, last] = [before + Math.min(1, this.shown), before + this.shown];
    this.where.textContent = t("lines.where", { first: count(first), last: count(last), total: count(this.whole(this.kind)) });
  }

  /** Fills up a first page that is not full yet; nothing moves away below a keyboard's focus. */
  fillUp() {
    this.tellWhere();
    const more = this.begun.length === 1 && this.shown < A_PAGE && this.whole(this.kind) > this.shown;
    if (more && !this.sheet.contains(document.activeElement)) this.look();
  }
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
