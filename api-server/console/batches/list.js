// The tenant's batches, the newest first: state, age, progress and when each may be done.

import { json } from "../base/api.js";
import { every, fill, h } from "../base/dom.js";
import { ago, count, eta, moment, rate } from "../base/format.js";
import { empty, heading, load, meter, pager, waiting } from "../base/pieces.js";
import { t } from "../base/words.js";
import { badge, isFinal, nameOf, parts } from "./state.js";

const A_PAGE = 20;
const LOOK_EVERY_S = 5;

export async function showList(place, signal) {
  const list = h("div", waiting());
  // Where each page before this one began.
  const begun = [""];
  const newest = () => h("a.button", { href: "#/batches/new" }, t("batches.new"));
  fill(place, heading(t("page.batches"), newest()), list);
  const go = (change) => { change(); fill(list, waiting()); look(); };
  const look = () => load(list, async () => {
    const page = await json("/v1/batches", { query: { limit: A_PAGE, after: begun.at(-1) }, signal });
    if (!page.data.length && begun.length === 1) return empty(t("batches.empty"), t("batches.empty.how"), newest());
    return [
      h("ol.batches", page.data.map(row)),
      pager({
        back: begun.length > 1 && (() => go(() => begun.pop())),
        next: page.has_more && (() => go(() => begun.push(page.last_id))),
        where: t("pager.page", { page: begun.length }),
      }),
    ];
  }, look);
  await look();
  // Nothing moves away below a keyboard's focus.
  every(LOOK_EVERY_S, signal, async () => { if (!list.contains(document.activeElement)) await look(); });
}

function row(batch) {
  const { total, completed, failed } = batch.request_counts;
  const done = completed + failed;
  return h("li.card",
    h("div.row", h("a.grow.title", { href: `#/batches/${batch.id}` }, nameOf(batch)), batch.dry_run && h("span.badge", t("batch.dry_run")), badge(batch.status)),
    meter(t("batch.progress"), total, parts(batch)),
    h("p.quiet.facts",
      h("span", total ? t("batch.of", { done: count(done), total: count(total) }) : t("batch.listing")),
      failed > 0 && h("span.bad", t("batch.failed", { failed: count(failed) })),
      batch.rate_per_s !== null && h("span", t("batch.rate", { rate: rate(batch.rate_per_s) })),
      batch.eta && !isFinal(batch) && h("span", t("batch.eta", { eta: eta(batch.eta) })),
      h("span", { title: moment(batch.created_at) }, ago(batch.created_at))));
}
