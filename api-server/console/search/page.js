// Search: which tags a phrase means, in whichever language.

import { post } from "../base/api.js";
import { fill, h } from "../base/dom.js";
import { percent } from "../base/format.js";
import { card, empty, heading, problemCard } from "../base/pieces.js";
import { language, t } from "../base/words.js";

const TAGS = 20;

export async function showSearch(place, _, signal) {
  const phrase = h("input.grow", { id: "phrase", type: "search", required: true, "aria-label": t("search.phrase"), placeholder: t("search.example") });
  const found = h("div", { "aria-live": "polite" }, empty(t("search.empty"), t("search.empty.how")));
  const look = async (event) => {
    event.preventDefault();
    try {
      const { tags } = await post("/v1/search/tags", { phrase: phrase.value, limit: TAGS, language: language() }, { signal });
      fill(found, tags.length ? card(t("search.tags"), h("ol.tags", tags.map(row))) : empty(t("search.none")));
    } catch (error) {
      if (error.name !== "AbortError") fill(found, problemCard(error));
    }
  };
  fill(place, heading(t("page.search")), h("form.card", { onsubmit: look }, h("div.row", phrase, h("button", t("search.go")))), found);
}

const row = ({ id, name, category, score }) => h("li",
  h("span.name", name, h("em", name === id ? category : `${id}, ${category}`)), h("span.number", percent(score, 1)),
  h("div.bar", { "aria-hidden": "true" }, h("i", { style: { width: `${Math.max(0, score) * 100}%` } })));
