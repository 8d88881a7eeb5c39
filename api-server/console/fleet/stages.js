// Latencies of the stages as heat strips: a cell for each look, the warmer the longer.

import { h } from "../base/dom.js";
import { ms } from "../base/format.js";
import { card } from "../base/pieces.js";
import { heatStrip } from "../base/plot.js";
import { known, t } from "../base/words.js";
import { SIDES } from "../try/waterfall.js";
import { gained, histogram } from "./metrics.js";

const STAGE_SECONDS = "tagfleet_stage_seconds";
const LOOKS = 60;
/** A tenth of a millisecond is cool, ten seconds are hot. */
const SCALE = { least: 1e-4, most: 10 };
const QUANTILE = 0.95;

/** What each stage took at each look of the last two minutes. */
export class Stages {
  constructor() {
    this.before = null;
    this.looks = Object.fromEntries(Object.keys(SIDES).map((stage) => [stage, Array(LOOKS).fill(null)]));
    this.latest = {};
  }

  see(samples) {
    const now = Object.fromEntries(Object.keys(SIDES).map((stage) => [stage, histogram(samples, STAGE_SECONDS, { stage })]));
    for (const [stage, looks] of Object.entries(this.looks)) {
      const seconds = this.before ? gained(this.before[stage], now[stage], QUANTILE) : null;
      looks.push(seconds);
      looks.shift();
      if (seconds !== null) this.latest[stage] = seconds;
    }
    this.before = now;
  }

  view(everySeconds) {
    const row = ([stage, looks]) => {
      const latest = this.latest[stage] === undefined ? "–" : ms(this.latest[stage] * 1000);
      return h("li", { title: known(`stage.${stage}`) ? t(`stage.${stage}`) : null },
        h("span.stage", stage),
        heatStrip(looks, { ...SCALE, label: t("fleet.stage.said", { stage, latest }) }),
        h("span.number", latest));
    };
    return card(t("fleet.stages"),
      h("p.quiet", t("fleet.stages.how", { seconds: everySeconds, minutes: (LOOKS * everySeconds) / 60 })),
      h("ol.heat", Object.entries(this.looks).map(row)),
      h("p.quiet.scale", h("span", ms(SCALE.least * 1000)), h("i"), h("span", ms(SCALE.most * 1000))));
  }
}
