// Which models there are to choose from, and what they look for.

import { json } from "../base/api.js";

/** Fills the form of options that stands in `place`. */
export async function offerModels(place) {
  const { models } = await json("/v1/models").catch(() => ({ models: [] }));
  const select = place.querySelector("#model");
  if (!select) return;
  // These look for nothing either, and make no tags of pictures.
  const others = new Set(["text", "phrase"]);
  for (const { name, kind, looks_for } of models) if (!looks_for && !others.has(kind)) select.append(new Option(name, name));
  const subjects = new Set(models.map((model) => model.looks_for));
  for (const option of place.querySelectorAll("[data-looks-for]")) option.hidden = !subjects.has(option.dataset.looksFor);
}
