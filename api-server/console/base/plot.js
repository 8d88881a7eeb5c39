// Small plots in SVG. Each says in words what it shows, and each value stands beside its mark.

import { h, svg } from "./dom.js";
import { percent, rate } from "./format.js";
import { t } from "./words.js";

const WIDTH = 600;
const HEIGHT = 64;

/** A line of values as they came, from 0 to the largest. */
export function sparkline(values, name) {
  const most = Math.max(...values, 1e-9);
  const x = (index) => (index / Math.max(1, values.length - 1)) * WIDTH;
  const y = (value) => HEIGHT - (value / most) * (HEIGHT - 4) - 2;
  const points = values.map((value, index) => `${x(index).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
  const latest = values.at(-1);
  return h("figure.plot",
    svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": t("plot.line", { name, latest: rate(latest), most: rate(most) }) },
      svg("polygon.area", { points: `0,${HEIGHT} ${points} ${WIDTH},${HEIGHT}` }), svg("polyline.line", { points })),
    h("figcaption.quiet", t("plot.line", { name, latest: rate(latest), most: rate(most) })));
}

/** Shares with the two between which each is: a dot on a bar. */
export function intervals(rows, name) {
  const most = scale(Math.max(...rows.map(([, { high }]) => high)));
  const at = (share) => `${(share / most) * 100}%`;
  const row = ([what, { share, low, high }]) => h("li",
    h("span.what", what),
    h("span.track", { "aria-hidden": "true" },
      h("i.between", { style: { left: at(low), width: at(high - low) } }), h("i.dot", { style: { left: at(share) } })),
    h("span.number", percent(share, 1), h("small", `${percent(low, 1)} – ${percent(high, 1)}`)));
  return h("div", h("ol.plot-rows", { "aria-label": name }, rows.map(row)), h("p.quiet.axis", h("span", "0"), h("span", percent(most, 1))));
}

/** Shares as bars. */
export function shares(rows, name) {
  const most = scale(Math.max(...rows.map(([, share]) => share), 0));
  const row = ([what, share]) => h("li",
    h("span.what", what),
    h("span.track", { "aria-hidden": "true" }, h("i.share", { style: { width: `${(share / most) * 100}%` } })),
    h("span.number", percent(share, 1)));
  return h("div", h("ol.plot-rows", { "aria-label": name }, rows.map(row)), h("p.quiet.axis", h("span", "0"), h("span", percent(most, 1))));
}

/** The next round share above, so that a plot's end is a number that can be read. */
function scale(most) {
  const steps = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1];
  return steps.find((step) => most <= step) ?? 1;
}

/** A strip of cells, the older the further left; the warmer the larger, on a scale of powers of ten. */
export function heatStrip(values, { least, most, label }) {
  const warmth = (value) => Math.min(1, Math.max(0, Math.log10(Math.max(value, least) / least) / Math.log10(most / least)));
  const width = WIDTH / values.length;
  const cells = values.map((value, index) => value !== null && svg("rect.heat", { x: (index * width).toFixed(2), y: 0, width: Math.max(1, width - 1).toFixed(2), height: 20, "fill-opacity": (0.12 + 0.88 * warmth(value)).toFixed(2) }));
  return svg("svg", { viewBox: `0 0 ${WIDTH} 20`, preserveAspectRatio: "none", role: "img", "aria-label": label }, cells);
}
