// A new batch: a file, pasted addresses, or a list in a bucket.

import { authorization, post, Problem } from "../base/api.js";
import { fill, h } from "../base/dom.js";
import { bytes, count, percent } from "../base/format.js";
import { heading, meter, problemCard } from "../base/pieces.js";
import { t } from "../base/words.js";
import { offerModels } from "../try/models.js";
import { options, optionsForm } from "../try/options.js";

const SOURCES = ["urls", "file", "bucket"];
const TYPES = { csv: "text/csv", tsv: "text/csv", ndjson: "application/x-ndjson", jsonl: "application/x-ndjson", json: "application/x-ndjson", txt: "text/plain" };

export async function showSubmit(place, signal) {
  let source = "urls";
  const wrong = h("div");
  const sending = h("div", { "aria-live": "polite" });
  const fields = h("div");
  const choice = (name) => h("label.check", h("input", { type: "radio", name: "source", value: name, checked: name === source, onchange: () => { source = name; fill(fields, FIELDS[name]()); } }), t(`submit.${name}`));
  const form = h("form.card", { id: "ask", onsubmit: (event) => { event.preventDefault(); send(); } },
    h("fieldset", h("legend", t("submit.source")), SOURCES.map(choice)),
    fields, about(), optionsForm({ caption: false, also: false }), sending,
    h("div.row.end", h("a.button.plain", { href: "#/batches" }, t("sure.no")), h("button", { id: "send" }, t("submit.send"))));
  fill(fields, FIELDS[source]());
  fill(place, heading(t("batches.new")), wrong, form);

  const send = async () => {
    const button = form.querySelector("#send");
    button.disabled = true;
    fill(wrong);
    try {
      const made = await WAYS[source](form, asked(form), (part) => fill(sending, part), signal);
      location.hash = `#/batches/${made.id}`;
    } catch (error) {
      if (error.name !== "AbortError") fill(wrong, problemCard(error));
      wrong.scrollIntoView({ block: "nearest" });
      fill(sending);
    } finally {
      button.disabled = false;
    }
  };
  await offerModels(place);
}

const FIELDS = {
  urls: () => {
    const told = h("span.hint");
    const counted = ({ target }) => { told.textContent = t("submit.urls.count", { n: count(urls(target.value).length) }); };
    return h("label", t("submit.urls.how"), h("textarea", { name: "urls", required: true, spellcheck: "false", placeholder: "https://…\nhttps://…", oninput: counted }), told);
  },
  file: () => {
    const told = h("p.quiet");
    const chosen = ({ target }) => { const [file] = target.files; told.textContent = file ? `${file.name}, ${bytes(file.size)}` : ""; };
    return h("div", h("label", { for: "list" }, t("submit.file.how")), h("div", h("input", { id: "list", name: "list", type: "file", required: true, accept: ".csv,.tsv,.txt,.ndjson,.jsonl,.json,.gz,.zst", onchange: chosen })), told);
  },
  bucket: () => h("div.fields",
    h("label", t("submit.bucket.how"), h("input", { name: "manifest", required: true, placeholder: "s3://lists/photos.parquet", spellcheck: "false" })),
    h("label", t("submit.output"), h("input", { name: "output", placeholder: "s3://results/2026", spellcheck: "false" }))),
};

function about() {
  const sample = h("input", { name: "sample", type: "number", min: 0.01, max: 100, step: "any", value: "1", disabled: true, "aria-label": t("submit.sample") });
  return h("div.fields",
    h("label", t("submit.name"), h("input", { name: "name", maxlength: 200, placeholder: t("submit.name.hint") })),
    h("label", t("submit.window"), h("input", { name: "window", type: "number", min: 1, max: 8784, placeholder: t("submit.window.hint") })),
    h("div", h("label.check", h("input", { name: "dry_run", type: "checkbox", onchange: ({ target }) => { sample.disabled = !target.checked; } }), t("submit.dry_run")),
      h("div.row", sample, h("span.quiet", t("submit.sample")))));
}

/** What is asked of every image, and of the batch. */
function asked(form) {
  const { name, window: hours, dry_run, sample } = form.elements;
  const wanted = options(form);
  // Captions are said of a batch, since they cost the most.
  wanted.features ??= ["tags", "caption"];
  if (name.value) wanted.metadata = { name: name.value };
  if (hours.value) wanted.completion_window_h = Number(hours.value);
  if (dry_run.checked) wanted.dry_run = { sample: Number(sample.value) / 100 };
  return wanted;
}

const urls = (text) => text.split(/\s+/).filter(Boolean);

const WAYS = {
  urls: (form, wanted, _, signal) => {
    const list = urls(form.elements.urls.value).join("\n");
    return sent(new Blob([list]), "text/plain", { ...wanted, format: "text" }, () => {}, signal);
  },
  file: (form, wanted, tell, signal) => {
    const [file] = form.elements.list.files;
    const ending = file.name.replace(/\.(gz|zst)$/, "").split(".").at(-1).toLowerCase();
    return sent(file, TYPES[ending] ?? "application/octet-stream", wanted, tell, signal);
  },
  bucket: (form, wanted, _, signal) => {
    const output = form.elements.output.value;
    return post("/v1/batches", { manifest: form.elements.manifest.value, ...(output && { output }), ...wanted }, { signal });
  },
};

/** Sends a list as it is. `XMLHttpRequest` tells how far it got, which `fetch` does not. */
function sent(list, type, { metadata, dry_run, ...wanted }, tell, signal) {
  const url = new URL("/v1/batches", location.origin);
  for (const [name, value] of Object.entries(wanted)) url.searchParams.set(name, value);
  if (metadata) url.searchParams.set("metadata", JSON.stringify(metadata));
  if (dry_run) url.searchParams.set("dry_run", dry_run.sample);
  const request = new XMLHttpRequest();
  request.open("POST", url);
  for (const [name, value] of Object.entries({ "content-type": type, ...authorization() })) request.setRequestHeader(name, value);
  request.upload.onprogress = ({ loaded, total }) => tell([meter(t("submit.sending"), total, [["good", loaded]]), h("p.quiet", t("submit.sent", { part: percent(loaded / total), sent: bytes(loaded) }))]);
  signal.addEventListener("abort", () => request.abort());
  return new Promise((resolve, reject) => {
    request.onload = () => {
      const told = parsed(request.responseText);
      if (request.status === 401) document.dispatchEvent(new Event("key-wanted"));
      if (request.status < 300) resolve(told);
      else reject(new Problem({ title: `HTTP ${request.status}`, code: "none", ...told }));
    };
    request.onerror = () => reject(new Problem({ title: t("problem.unreachable"), detail: t("submit.broken"), code: "unreachable", retryable: true }));
    request.onabort = () => reject(new DOMException("left", "AbortError"));
    request.send(list);
  });
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}
