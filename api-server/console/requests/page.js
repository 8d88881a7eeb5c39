// Requests of the last hour: the slowest, those that failed, and the story of each.

import { json, Problem } from "../base/api.js";
import { every, fill, h } from "../base/dom.js";
import { ago, bytes, moment, ms } from "../base/format.js";
import { card, empty, figure, heading, load, problemCard, waiting } from "../base/pieces.js";
import { t } from "../base/words.js";
import { story } from "../try/answer.js";
import { waterfall } from "../try/waterfall.js";

const LOOK_EVERY_S = 5;

export function showRequests(place, [id], signal) {
  return id ? showRequest(place, id, signal) : showLists(place, signal);
}

async function showLists(place, signal) {
  const wanted = h("input.grow", { id: "request", placeholder: "req_…", "aria-label": t("requests.id"), spellcheck: "false", autocomplete: "off", required: true });
  const find = (event) => { event.preventDefault(); location.hash = `#/requests/${encodeURIComponent(wanted.value.trim())}`; };
  const lists = h("div.columns", waiting());
  fill(place, heading(t("page.requests")), h("form.card", { onsubmit: find }, h("div.row", wanted, h("button", t("requests.find"))), h("p.hint", t("requests.find.how"))), lists);
  const look = () => load(lists, async () => {
    const { slowest, failed } = await told(signal);
    if (!slowest) return empty(t("requests.unlisted"), t("requests.unlisted.how"));
    if (!slowest.length && !failed.length) return empty(t("requests.empty"), t("requests.empty.how"), h("a.button", { href: "#/try" }, t("page.try")));
    return [list(t("requests.slowest"), slowest, signal), list(t("requests.failed"), failed, signal)];
  }, look);
  await look();
  // What somebody reads stays as it is.
  const isRead = () => lists.contains(document.activeElement) || lists.querySelector("details[open]");
  every(LOOK_EVERY_S, signal, async () => { if (!isRead()) await look(); });
}

/** A server of before lists none; a request of known id can be asked for all the same. */
async function told(signal) {
  try {
    return await json("/v1/requests", { signal });
  } catch (error) {
    if (error instanceof Problem && error.told.code === "not_found") return {};
    throw error;
  }
}

function list(title, requests, signal) {
  const most = Math.max(...requests.map(({ total_ms }) => total_ms), 1);
  const row = ({ id, total_ms, code, ended_at, url, worker, model }) => {
    const story = h("div.story");
    const opened = ({ target }) => { if (target.open && !story.childElementCount) showStory(story, id, signal); };
    return h("li", h("details", { ontoggle: opened },
      h("summary", h("strong", code === "ok" ? ms(total_ms) : `${code}, ${ms(total_ms)}`), h("span.when", { title: moment(ended_at) }, ago(ended_at)),
        h("span.bar", { "aria-hidden": "true" }, h("i", { class: code === "ok" ? null : "bad", style: { width: `${(total_ms / most) * 100}%` } })),
        h("span.id", [url, model, worker].filter(Boolean).join(" · ") || id)),
      story));
  };
  return card(title, requests.length ? h("ol.requests", requests.map(row)) : h("p.quiet", t("requests.none")));
}

/** The waterfall of a request, where it stands in the list. */
function showStory(place, id, signal) {
  fill(place, waiting());
  return load(place, async () => {
    const request = await json(`/v1/requests/${encodeURIComponent(id)}`, { signal });
    return [request.detail && h("p.bad", request.detail), waterfall(request.stages, request.total_ms, request.worker), h("p.quiet", story(request)),
      h("a", { href: `#/requests/${id}` }, t("requests.whole"))];
  });
}

async function showRequest(place, id, signal) {
  const shown = h("div.page", waiting());
  fill(place, heading(t("requests.one"), h("a.button.plain.small", { href: "#/requests" }, t("requests.back"))), shown);
  try {
    fill(shown, requestView(await json(`/v1/requests/${encodeURIComponent(id)}`, { signal })));
  } catch (error) {
    if (error.name !== "AbortError") fill(shown, problemCard(error));
  }
}

function requestView(request) {
  const facts = [
    ["id", h("code", request.id)], ["server", request.server], ["worker", request.worker], ["model", request.model], ["url", request.url],
    ["size", request.bytes && bytes(request.bytes)], ["client_ref", request.client_ref], ["caption", request.caption], ["cached", request.cached],
    ["ended", moment(request.ended_at)],
  ];
  return [
    card(null,
      h("dl.figures", figure(t("request.status"), `${request.status} ${request.code}`), figure(t("request.total"), ms(request.total_ms)), figure(t("request.wait"), ms(request.wait_ms), request.predicted_wait_ms !== undefined && t("request.foretold", { foretold: ms(request.predicted_wait_ms) }))),
      request.detail && h("p.bad", request.detail),
      h("dl.seen", facts.filter(([, value]) => value).flatMap(([name, value]) => [h("dt", t(`request.${name}`)), h("dd", value)]))),
    card(t("answer.time"), waterfall(request.stages, request.total_ms, request.worker), h("p.quiet", story(request))),
  ];
}
