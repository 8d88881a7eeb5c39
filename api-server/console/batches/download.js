// Results and errors as files. With a key the browser cannot follow a plain link: what is fetched then goes to the disk as it comes
// where the browser can do that, and through memory where it cannot.

import { call, key } from "../base/api.js";
import { h } from "../base/dom.js";
import { problemCard } from "../base/pieces.js";
import { t } from "../base/words.js";

export function downloads(batch) {
  const { completed, failed } = batch.request_counts;
  return [
    (completed > 0 || !failed) && download(t("download.results"), batch.results_url, `${batch.id}-results.ndjson`),
    failed > 0 && download(t("download.errors"), batch.errors_url, `${batch.id}-errors.ndjson`),
  ];
}

function download(words, path, name) {
  if (!key.get()) return h("a.button.plain.small", { href: path, download: name }, words);
  const save = async (event) => {
    const button = event.currentTarget;
    button.disabled = true;
    try {
      await saved(path, name);
    } catch (error) {
      if (error.name !== "AbortError") button.closest(".page").append(problemCard(error));
    }
    button.disabled = false;
  };
  return h("button.plain.small", { type: "button", onclick: save }, words);
}

async function saved(path, name) {
  if (window.showSaveFilePicker) {
    const file = await (await showSaveFilePicker({ suggestedName: name })).createWritable();
    return (await call(path)).body.pipeTo(file);
  }
  const url = URL.createObjectURL(await (await call(path)).blob());
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
