// Where a request's time went: a bar for each stage, below each other as they follow in time.

import { h } from "../base/dom.js";
import { ms } from "../base/format.js";
import { known, t } from "../base/words.js";

/** Where each stage happens, in the order of an image's way. */
export const SIDES = {
  admit: "api", lookup: "api", fetch: "api", prepare: "api", publish: "api", queue: "line", decode: "worker", batch_wait: "worker",
  infer: "worker", postprocess: "worker", caption_wait: "worker", caption: "worker", result: "api",
};

export function waterfall(stages, total, worker) {
  const row = ({ stage, start_ms, ms: spent }) => {
    const bar = h("i", { dataset: { side: SIDES[stage] ?? "api" }, style: { left: `${part(start_ms, total)}%`, width: `${part(spent, total)}%` } });
    const meaning = known(`stage.${stage}`) ? t(`stage.${stage}`) : stage;
    return h("li", h("span.stage", stage, h("span.meaning", meaning)), h("span.track", { "aria-hidden": "true" }, bar), h("span.number", ms(spent)));
  };
  return h("div",
    h("ol.waterfall", stages.map(row)),
    h("p.quiet.legend", ["api", "line", "worker"].map((side) => h("span", h("i", { dataset: { side } }), t(`side.${side}`), side === "worker" && worker ? ` ${worker}` : ""))));
}

const part = (spent, total) => (total > 0 ? Math.min(100, (spent / total) * 100) : 0);
