// Keys: which one this tab uses, what it may, and what was used of it.

import { json, key, Problem, standing } from "../base/api.js";
import { every, fill, h } from "../base/dom.js";
import { bytes, count, duration } from "../base/format.js";
import { card, command, figure, heading, load, meter, sure, waiting } from "../base/pieces.js";
import { t } from "../base/words.js";

const LOOK_EVERY_S = 5;

/** The form for a key, also where a page meets a 401. */
export function keyForm(use) {
  const input = h("input.grow", { id: "key", type: "password", placeholder: "tf_…", autocomplete: "off", spellcheck: "false", required: true });
  const send = (event) => { event.preventDefault(); use(input.value.trim()); };
  return h("form.card", { id: "key-form", onsubmit: send }, h("label", { for: "key" }, t("key.wanted")), h("div.row", input, h("button", t("key.use"))));
}

export async function showKeys(place, _, signal) {
  const used = h("div.page", waiting());
  fill(place, heading(t("page.keys")), keyCard(() => showKeys(place, _, signal)), used);
  const look = () => load(used, async () => [usageCard(await usage(signal)), cacheCard(await json("/v1/cache", { signal }), look)], look);
  await look();
  // With another key all of it is drawn anew, and goes on looking by itself.
  every(LOOK_EVERY_S, signal, async () => { if (used.isConnected && !used.contains(document.activeElement)) await look(); });
}

function keyCard(again) {
  if (!key.get()) return h("div.page", keyForm((text) => { key.set(text); again(); }), card(null, h("p.quiet", t("key.make")), command("tagfleet keys new --tenant shop --requests-per-second 20 >> keys.toml")));
  const forget = () => { key.forget(); again(); };
  return card(null, h("div.row", h("p.grow", t("key.kept"), " ", h("code", `${key.get().slice(0, 7)}…`)), h("button.plain.small", { type: "button", onclick: forget }, t("key.forget"))));
}

/** A server of before tells its limits in the header fields of every answer alone. */
async function usage(signal) {
  try {
    return await json("/v1/usage", { signal });
  } catch (error) {
    if (!(error instanceof Problem) || error.told.code !== "not_found") throw error;
    await json("/v1/models", { signal });
    return {};
  }
}

function usageCard(told) {
  const { tenant, key: id, tier } = told;
  return card(t("usage"),
    tenant && h("dl.figures", figure(t("usage.tenant"), tenant), id && figure(t("usage.key"), id), tier && figure(t("usage.tier"), tier, told.read_only && t("usage.read_only")), ...(told.limits ?? []).map(limit)),
    standing.policies.length ? h("ol.lanes", standing.policies.map(policy)) : h("p.quiet", t("usage.unlimited")));
}

const limit = ({ what, used, most }) => figure(t(`usage.${what}`), most === null ? count(used) : `${count(used)} / ${count(most)}`);

function policy({ name, requests, seconds, left }) {
  const named = t(name === "default" ? "usage.of_key" : "usage.of_tenant");
  const used = Math.max(0, requests - (left ?? requests));
  return h("li", h("span", named, h("small", t("usage.rate", { requests: count(requests), time: duration(seconds) }))), h("span.number", t("usage.left", { left: count(left ?? requests) })), meter(named, requests, [[used / requests > 0.8 ? "bad" : "good", used]]));
}

function cacheCard(cache, again) {
  if (!cache.on) return null;
  const clear = async () => {
    if (!(await sure(t("cache.clear.sure"), t("cache.clear.detail"), t("cache.clear")))) return;
    await json("/v1/cache", { method: "DELETE" });
    again();
  };
  return card(t("cache"),
    h("dl.figures", figure(t("cache.kept"), duration(cache.ttl_s)), figure(t("cache.entries"), count(cache.entries_in_memory), bytes(cache.bytes_in_memory))),
    h("button.plain.small", { type: "button", onclick: clear }, t("cache.clear")));
}
