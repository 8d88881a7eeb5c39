// What a request may ask for, as a form; Try and batches share it.

import { h } from "../base/dom.js";
import { language, LANGUAGES, t } from "../base/words.js";

// With what a first look wants to see.
const FEATURES = [["people", true, "people"], ["text", true, "text"], ["safety", false, "safety"], ["colors", true], ["quality", false], ["exif", true]];

export function optionsForm({ caption = true, also = true } = {}) {
  const feature = ([name, on, subject]) =>
    h("label.check", { dataset: subject ? { looksFor: subject } : {}, hidden: Boolean(subject) }, h("input", { type: "checkbox", name: "feature", value: name, checked: also && on }), t(`feature.${name}`));
  return h("details", { id: "options" }, h("summary", t("options")),
    h("div.fields",
      h("label", t("options.limit"), h("input", { name: "limit", type: "number", min: 1, max: 100, placeholder: t("options.default") })),
      h("label", t("options.threshold"), h("input", { name: "threshold", type: "number", min: 0, max: 1, step: 0.01, placeholder: t("options.default") })),
      h("label", t("options.language"), h("select", { name: "language" }, Object.entries(LANGUAGES).map(([tag, name]) => h("option", { value: tag, selected: tag === language() }, name)))),
      h("label", t("options.model"), h("select", { id: "model", name: "model" }, h("option", { value: "" }, t("options.default"))))),
    h("fieldset", h("legend", t("options.also")), h("label.check", h("input", { type: "checkbox", name: "feature", value: "caption", checked: caption }), t("feature.caption")), FEATURES.map(feature)));
}

/** What is chosen, as the API names it. */
export function options(form = document.getElementById("ask")) {
  const chosen = {};
  const fields = form.elements;
  if (fields.limit.value) chosen.limit = Number(fields.limit.value);
  if (fields.threshold.value) chosen.threshold = Number(fields.threshold.value);
  if (fields.language.value !== "en") chosen.language = fields.language.value;
  if (fields.model.value) chosen.model = fields.model.value;
  const shown = [...form.querySelectorAll("[name=feature]")].filter((box) => box.checked && !box.closest("[hidden]"));
  const features = ["tags", ...shown.map((box) => box.value)];
  if (features.join() !== "tags,caption") chosen.features = features;
  return chosen;
}
