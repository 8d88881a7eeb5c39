// The fleet: servers, workers, queues, caches, hosts, and where the time goes now.

import { call, json } from "../base/api.js";
import { every, fill, h } from "../base/dom.js";
import { bytes, count, duration, ms, percent, rate } from "../base/format.js";
import { card, empty, figure, heading, load, meter, table, waiting } from "../base/pieces.js";
import { known, t } from "../base/words.js";
import { parse, sum } from "./metrics.js";
import { Stages } from "./stages.js";

const LOOK_EVERY_S = 2;

export async function showFleet(place, _, signal) {
  const fleet = h("div.page", waiting());
  const server = h("div.page");
  const stages = new Stages();
  fill(place, heading(t("page.fleet")), fleet, server);
  const look = async () => {
    const well = await load(fleet, async () => fleetView(await json("/v1/fleet", { signal })));
    // Metrics may be closed to browsers; then the page goes without.
    const [samples, cache] = await Promise.all([metrics(signal), json("/v1/cache", { signal }).catch(() => null)]);
    if (!well || signal.aborted) return;
    if (samples) stages.see(samples);
    fill(server, samples && stages.view(LOOK_EVERY_S), h("div.columns", cache && cacheCard(cache, samples), samples && hostsCard(samples)));
  };
  await look();
  every(LOOK_EVERY_S, signal, look);
}

async function metrics(signal) {
  try {
    return parse(await (await call("/metrics", { signal })).text());
  } catch {
    return null;
  }
}

function fleetView({ servers, workers, queues, dead_letters, realtime }) {
  const in_flight = servers.reduce((all, server) => all + server.in_flight, 0);
  const images = workers.reduce((all, worker) => all + (worker.images_per_s ?? 0), 0);
  return [
    card(null, h("dl.figures",
      figure(t("fleet.workers"), count(workers.length)),
      figure(t("fleet.images"), rate(images), t("batch.pace.unit")),
      figure(t("fleet.in_flight"), count(in_flight)),
      figure(t("fleet.requests"), rate(servers.reduce((all, server) => all + server.requests_per_s, 0)), t("fleet.per_s")),
      figure(t("fleet.wait"), ms(realtime.wait_ms)),
      dead_letters !== null && figure(t("fleet.dead_letters"), count(dead_letters)))),
    h("div.columns", workersCard(workers), lanesCard(queues)),
    serversCard(servers),
  ];
}

function workersCard(workers) {
  if (!workers.length) return card(t("fleet.workers"), empty(t("fleet.no_workers"), t("fleet.no_workers.how")));
  const columns = [{ name: t("fleet.name") }, { name: t("fleet.device") }, { name: t("fleet.models") }, { name: t("fleet.captioner") }, { name: t("fleet.images_per_s"), number: true }, { name: t("fleet.fill"), number: true }];
  return card(t("fleet.workers"), table(t("fleet.workers"), columns,
    workers.map(({ name, device, models, captioner, images_per_s, images_per_batch }) => [name, device, h("span", models.join(", ")), captioner, rate(images_per_s), rate(images_per_batch)])));
}

function lanesCard(queues) {
  if (!queues.length) return card(t("fleet.lanes"), h("p.quiet", t("fleet.lanes.none")));
  const most = Math.max(...queues.map(({ messages }) => messages), 1);
  const lane = ({ queue, priority, messages, consumers }) => {
    const name = `${t(`queue.${queue}`)}, ${t(`priority.${priority}`)}`;
    return h("li", h("span", name), h("span.number", count(messages), h("small", t("fleet.consumers", { n: count(consumers) }))), meter(`${name}: ${t("fleet.waiting")}`, most, [[priority === "bulk" ? "worker" : "wait", messages]]));
  };
  return card(t("fleet.lanes"), h("ol.lanes", queues.map(lane)), h("p.quiet", t("fleet.lanes.how")));
}

function serversCard(servers) {
  if (!servers.length) return card(t("fleet.servers"), h("p.quiet", t("fleet.servers.none")));
  const columns = [{ name: t("fleet.name") }, { name: t("fleet.in_flight") }, { name: t("fleet.requests_per_s"), number: true }, { name: t("fleet.refused_per_s"), number: true }, { name: t("fleet.predicted"), number: true }, { name: t("fleet.sheds") }];
  return card(t("fleet.servers"), table(t("fleet.servers"), columns,
    servers.map((server) => [server.name,
      h("span.used", `${count(server.in_flight)} / ${count(server.max_in_flight)}`, meter(t("fleet.in_flight"), server.max_in_flight, [["wait", server.in_flight]])),
      rate(server.requests_per_s), rate(server.refused_per_s), ms(server.predicted_wait_ms), server.degraded.join(", ") || "–"])));
}

function cacheCard(cache, samples) {
  if (!cache.on) return card(t("cache"), h("p.quiet", t("cache.off")));
  const hits = samples ? ["url", "bytes", "tile"].map((layer) => [layer, sum(samples, "tagfleet_cache_lookups_total", { layer, outcome: "hit" }) ?? 0, sum(samples, "tagfleet_cache_lookups_total", { layer }) ?? 0]) : [];
  return card(t("cache"),
    h("dl.figures",
      figure(t("cache.entries"), count(cache.entries_in_memory), bytes(cache.bytes_in_memory)),
      figure(t("cache.kept"), duration(cache.ttl_s)),
      hits.filter(([, , looks]) => looks).map(([layer, hit, looks]) => figure(t("cache.hits", { by: t(`cached.${layer}`) }), percent(hit / looks), t("cache.looks", { n: count(looks) })))));
}

function hostsCard(samples) {
  const open = sum(samples, "tagfleet_fetch_hosts_open") ?? 0;
  const reasons = (samples.get("tagfleet_fetch_refused_total") ?? []).filter(({ value }) => value > 0).sort((one, other) => other.value - one.value).slice(0, 6);
  return card(t("hosts"),
    h("dl.figures", figure(t("hosts.open"), count(open)), reasons.map(({ labels, value }) => figure(Object.values(labels).join(" "), count(value)))),
    h("p.quiet", t("hosts.how")));
}
