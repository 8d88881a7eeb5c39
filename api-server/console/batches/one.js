// One batch as it goes: progress by server-sent events, failures by cause, results, and what may be done.

import { json, post } from "../base/api.js";
import { announce, fill, h } from "../base/dom.js";
import { ago, count, eta, moment, percent, rate } from "../base/format.js";
import { follow } from "../base/events.js";
import { card, command, figure, heading, meter, problemCard, sure, waiting } from "../base/pieces.js";
import { sparkline } from "../base/plot.js";
import { t } from "../base/words.js";
import { downloads } from "./download.js";
import { failuresCard } from "./failures.js";
import { forecastCard } from "./forecast.js";
import { Lines } from "./lines.js";
import { badge, isFinal, nameOf, parts } from "./state.js";

/** Paces that are drawn: four minutes of events, one a second. */
const PACES = 240;

export async function showOne(place, id, signal) {
  const path = `/v1/batches/${encodeURIComponent(id)}`;
  let batch;
  fill(place, heading(t("batch.one")), waiting());
  try {
    batch = await json(path, { signal });
  } catch (error) {
    if (error.name !== "AbortError") fill(place, heading(t("batch.one")), problemCard(error, () => showOne(place, id, signal)));
    return;
  }
  const shown = new Shown(place, path, batch, signal);
  shown.draw();
  if (!isFinal(batch)) shown.watch();
}

class Shown {
  constructor(place, path, batch, signal) {
    Object.assign(this, { path, batch, signal, paces: [], last: null });
    this.head = h("div");
    this.progress = h("div");
    this.failures = h("div.page");
    this.forecast = h("div.page");
    this.below = h("div");
    fill(place, this.head, this.progress, this.forecast, this.failures, this.below,
      card(t("batch.shell"), command(`tagfleet batch status ${batch.id} --api ${location.origin}\ntagfleet batch results ${batch.id} --api ${location.origin} > results.ndjson`)));
    this.showLines();
  }

  showLines() {
    this.lines = new Lines(this.below, this.path, () => this.batch, this.signal);
  }

  draw() {
    const { batch } = this;
    this.drawHead();
    fill(this.progress, progressCard(batch, this.paces));
    redrawn(this.failures, [batch.failures, isFinal(batch)], () => failuresCard(batch, (asked) => this.retry(asked)));
    redrawn(this.forecast, batch.dry_run, () => batch.dry_run && forecastCard(batch.dry_run));
  }

  drawHead() {
    const { batch } = this;
    redrawn(this.head, [batch.status, batch.metadata, batch.request_counts.failed > 0], () => [
      heading(nameOf(batch), badge(batch.status), h("div.row", this.deeds())),
      h("p.quiet", h("code", batch.id), " · ", h("span", { title: moment(batch.created_at) }, ago(batch.created_at)),
        batch.model && ` · ${batch.model}`,
        batch.retry_of && [" · ", t("batch.retry_of"), " ", h("a", { href: `#/batches/${batch.retry_of}` }, `${batch.retry_of.slice(0, 14)}…`)]),
    ]);
  }

  deeds() {
    const ended = isFinal(this.batch);
    return [
      downloads(this.batch),
      !ended && this.batch.status !== "cancelling" && h("button.plain.small", { type: "button", id: "cancel", onclick: () => this.cancel() }, t("batch.cancel")),
    ];
  }

  watch() {
    const see = (_, batch) => {
      const done = batch.request_counts.completed + batch.request_counts.failed;
      const now = performance.now();
      if (this.last) this.paces.push(((done - this.last.done) * 1000) / Math.max(1, now - this.last.now));
      this.paces.splice(0, this.paces.length - PACES);
      this.last = { done, now };
      const ended = isFinal(batch) && !isFinal(this.batch);
      this.batch = batch;
      this.draw();
      if (ended) this.ended();
      else this.lines.fillUp();
      return isFinal(batch);
    };
    follow(`${this.path}/events`, this.signal, see).catch((error) => fill(this.progress, problemCard(error, () => this.watch())));
  }

  ended() {
    announce(t("batch.said", { status: t(`status.${this.batch.status}`) }));
    // Whether results or errors are the ones to see is known now, where none were seen before.
    if (this.lines.shown) this.lines.fillUp();
    else this.showLines();
  }

  async cancel() {
    if (!(await sure(t("batch.cancel.sure"), t("batch.cancel.detail"), t("batch.cancel")))) return;
    await this.does(async () => { this.batch = await post(`${this.path}/cancel`); this.draw(); });
  }

  async retry(asked) {
    await this.does(async () => {
      const made = await post(`${this.path}/retry`, asked, { headers: { "idempotency-key": crypto.randomUUID?.() ?? String(Math.random()) } });
      location.hash = `#/batches/${made.id}`;
    });
  }

  async does(deed) {
    try {
      await deed();
    } catch (error) {
      this.failures.prepend(problemCard(error));
    }
  }
}

/** Draws anew what has changed, and leaves the rest: a focus stays where it is. */
function redrawn(place, facts, made) {
  const now = JSON.stringify(facts ?? null);
  if (place.facts === now) return;
  place.facts = now;
  fill(place, made());
}

function progressCard(batch, paces) {
  const { total, completed, failed } = batch.request_counts;
  const done = completed + failed;
  const left = Math.max(0, total - done);
  return card(null,
    meter(t("batch.progress"), total, parts(batch)),
    h("dl.figures",
      figure(t("batch.done"), total ? percent(done / total, 1) : "–", total ? t("batch.of", { done: count(done), total: count(total) }) : t("batch.listing")),
      figure(t("batch.completed"), count(completed)),
      figure(t("batch.failures"), count(failed), done > 0 && percent(failed / done, 2)),
      figure(t("batch.left"), count(left)),
      figure(t("batch.pace"), rate(batch.rate_per_s), t("batch.pace.unit")),
      batch.eta && figure(t("batch.eta.name"), eta(batch.eta).split(" (")[0], eta(batch.eta).split(" (")[1]?.replace(/\)$/, "")),
      batch.expires_at && figure(t("batch.expires"), moment(batch.expires_at))),
    paces.length > 2 && sparkline(paces, t("batch.pace.now")),
    batch.output && h("p.quiet", `${t("batch.output")}: `, h("code", batch.output.url), ` (${batch.output.status})`),
    (batch.errors?.data ?? []).map(({ code, message }) => h("p.bad", { role: "alert" }, h("code", code), ` ${message}`)),
    batch.warnings.length > 0 && h("details", h("summary", t("batch.warnings", { n: batch.warnings.length })), h("ul", batch.warnings.map((warning) => h("li.quiet", warning)))));
}
