// What a dry run says of the whole list, as plots.

import { h } from "../base/dom.js";
import { bytes, count, duration, money, percent } from "../base/format.js";
import { card, figure } from "../base/pieces.js";
import { intervals, shares } from "../base/plot.js";
import { t } from "../base/words.js";

export function forecastCard({ sample, listed, forecast }) {
  if (!forecast) return card(t("forecast"), h("p.quiet", t("forecast.later", { sample: percent(sample, 3), listed: count(listed) })));
  const { sampled, failures, seconds } = forecast;
  const failing = [[t("forecast.any"), failures], ...Object.entries(failures.by_code).sort(([, one], [, other]) => other.share - one.share)];
  return card(t("forecast"),
    h("p.quiet", t("forecast.of", { sampled: count(sampled), listed: count(listed) })),
    h("dl.figures",
      figure(t("forecast.time"), duration(seconds.expected), t("eta.between", { low: duration(seconds.earliest), high: duration(seconds.latest) })),
      figure(t("forecast.failures"), count(failures.items), t("eta.between", { low: percent(failures.low, 1), high: percent(failures.high, 1) })),
      figure(t("forecast.bytes"), bytes(forecast.bytes)),
      figure(t("forecast.worker_hours"), money(forecast.worker_hours)),
      forecast.cost !== null && figure(t("forecast.cost"), money(forecast.cost))),
    h("div.columns",
      h("div", h("h3", t("forecast.failing")), failures.items || failures.high > 0 ? intervals(failing, t("forecast.failing")) : h("p.quiet", t("forecast.none"))),
      h("div", h("h3", t("forecast.tags")), shares(Object.entries(forecast.tags).sort(([, one], [, other]) => other - one).slice(0, 12), t("forecast.tags")))));
}
