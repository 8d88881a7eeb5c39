// Try: photos by file, address or sample; several at a time, and what was tried before in this tab.

import { json } from "../base/api.js";
import { announce, fill, h } from "../base/dom.js";
import { card, empty, heading, problemCard } from "../base/pieces.js";
import { t } from "../base/words.js";
import { answerView } from "./answer.js";
import { offerModels } from "./models.js";
import { options, optionsForm } from "./options.js";
import { entries, ofFile, ofUrl, tag } from "./photos.js";

let chosen = null;
// Draws what has become of the photos; a page that was left and opened again is drawn, not the one before.
let redraw = () => {};

export async function showTry(place, _, signal) {
  const strip = h("ol.strip", { "aria-label": t("try.history") });
  const answer = h("div.page");
  redraw = () => { showStrip(strip); showAnswer(answer); };
  const add = (made) => {
    entries.unshift(...made.map((entry) => ({ ...entry, options: options() })).reverse());
    if (made.length) chosen = entries[made.length - 1];
    redraw();
    tag((entry) => { redraw(); said(entry); });
  };
  fill(place, heading(t("try.title")), askForm(add), h("section", { "aria-label": t("try.history") }, strip), answer);
  redraw();
  listen(signal, add);
  await Promise.all([showSamples(place.querySelector("#samples"), add), offerModels(place)]);
}

function askForm(add) {
  const file = h("input.hidden", { id: "file", type: "file", accept: "image/*,.heic,.avif,.dng,.cr2,.nef,.arw", multiple: true,
    onchange: () => { add([...file.files].map(ofFile)); file.value = ""; } });
  const url = h("textarea", { id: "url", rows: "1", placeholder: "https://…", autocomplete: "off", spellcheck: "false",
    onkeydown: (event) => { if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); event.target.form.requestSubmit(); } } });
  const send = (event) => {
    event.preventDefault();
    const urls = url.value.split(/\s+/).filter(Boolean);
    add(urls.map(ofUrl));
    if (urls.length) url.value = "";
    else url.focus();
  };
  return h("form.card", { id: "ask", onsubmit: send },
    h("label.drop", { id: "drop", for: "file" }, file, h("strong", t("try.drop")), h("span.quiet", t("try.drop.how"))),
    h("div", { id: "samples", hidden: true }),
    h("div.row", h("label.hidden", { for: "url" }, t("try.url")), h("div.grow", url), h("button", { id: "go" }, t("try.go"))),
    optionsForm());
}

/** Photos that the operator offers (`--samples`): a newcomer has something to click. */
async function showSamples(place, add) {
  const names = await json("/page/samples").catch(() => []);
  if (!names.length) return;
  const sample = (name) => {
    const source = `/page/samples/${encodeURIComponent(name)}`;
    const taken = async () => {
      const bytes = await (await fetch(source)).blob();
      add([ofFile(new File([bytes], name, { type: bytes.type }))]);
    };
    return h("button.plain.sample", { type: "button", onclick: taken, title: name }, h("img", { src: source, alt: t("try.sample", { name: name.replace(/\.\w+$/, "") }), loading: "lazy" }));
  };
  const all = async () => { for (const button of place.querySelectorAll(".sample")) button.click(); };
  fill(place, h("span.quiet", t("try.samples")), names.map(sample), h("button.plain.small", { type: "button", onclick: all }, t("try.samples.all")));
  place.hidden = false;
}

function listen(signal, add) {
  const over = (on) => document.getElementById("drop")?.classList.toggle("over", on);
  const dropped = (event) => {
    event.preventDefault();
    over(event.type === "dragenter" || event.type === "dragover");
    if (event.type === "drop") add([...event.dataTransfer.files].map(ofFile));
  };
  for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) document.addEventListener(kind, dropped, { signal });
  document.addEventListener("paste", ({ clipboardData }) => { if (clipboardData.files.length) add([...clipboardData.files].map(ofFile)); }, { signal });
}

function said(entry) {
  if (entry.state === "done") announce(t("try.said", { name: entry.name, tags: entry.answer.tags.slice(0, 3).map((tag) => tag.name).join(", ") || t("try.none") }));
  if (entry.state === "failed") announce(`${entry.name}: ${entry.error.message}`);
}

function showStrip(strip) {
  fill(strip, entries.map((entry) => {
    const choose = () => { chosen = entry; redraw(); };
    const first = entry.answer?.tags[0]?.name ?? (entry.state === "failed" ? t("try.failed") : entry.state === "done" ? "–" : "…");
    return h("li", h("button.plain", { type: "button", "aria-pressed": String(entry === chosen), dataset: { state: entry.state }, onclick: choose, title: entry.name },
      picture(entry), h("span", first), h("span.hidden", entry.name)));
  }));
  strip.parentElement.hidden = entries.length === 0;
}

function picture({ photo }) {
  const image = h("img", { src: photo, alt: "", loading: "lazy", referrerpolicy: "no-referrer" });
  // A browser that cannot show a TIFF can still have it tagged.
  image.addEventListener("error", () => image.replaceWith(h("i.unseen")));
  return image;
}

function showAnswer(place) {
  if (!chosen) return void fill(place, empty(t("try.empty"), t("try.empty.how")));
  place.setAttribute("aria-busy", String(chosen.state === "sending" || chosen.state === "waiting"));
  if (chosen.state === "failed") return void fill(place, problemCard(chosen.error));
  if (chosen.state === "done") return void fill(place, answerView(chosen));
  fill(place, card(null, h("div.shot", h("img", { src: chosen.photo, alt: "" })), h("p.quiet", t("try.sending", { name: chosen.name }))));
}
