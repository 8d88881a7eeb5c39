// One answer: the photo with what is in it, tags, and where the time went.

import { h } from "../base/dom.js";
import { bytes, count, ms, percent } from "../base/format.js";
import { card, command } from "../base/pieces.js";
import { known, t } from "../base/words.js";
import { waterfall } from "./waterfall.js";

export function answerView({ answer, photo, curl, name }) {
  return [
    h("div.columns", photoCard(answer, photo, name), tagsCard(answer.tags)),
    timeCard(answer),
    card(null,
      h("details", { open: true }, h("summary", t("answer.shell")), command(curl)),
      h("details", h("summary", t("answer.whole")), h("pre", { tabindex: "0", role: "region", "aria-label": t("answer.whole") }, h("code", JSON.stringify(answer, null, 2))))),
  ];
}

function photoCard(answer, photo, name) {
  const { text, status, model } = answer.caption;
  const { width, height, format, bytes: size } = answer.image;
  const image = h("img", { src: photo, alt: text ?? name, referrerpolicy: "no-referrer" });
  const shot = h("div.shot", image, h("div.boxes", { "aria-hidden": "true" }, boxes(answer)));
  image.addEventListener("error", () => { shot.hidden = true; });
  const by = text && `${t("answer.caption")}: ${status.replaceAll("_", " ")}${model && model !== status ? ` (${model})` : ""}.`;
  return h("figure.card", shot, h("figcaption",
    text && h("p.sentence", text),
    seen(answer),
    h("p.quiet", [by, `${count(width)} × ${count(height)} ${format}, ${bytes(size)}.`, t("answer.by", { model: answer.model.name }), ...(answer.image.warnings ?? [])].filter(Boolean).join(" "))));
}

// Where people, faces and text are, over the photo: parts of its sides, so that they stay in place at any size.
function boxes({ people, text }) {
  const drawn = (kind) => ({ left, top, width, height, confidence }) => {
    const sides = Object.entries({ left, top, width, height }).map(([side, part]) => [side, `${part * 100}%`]);
    return h("i", { dataset: { kind }, title: `${t(`box.${kind}`)}, ${percent(confidence)}`, style: Object.fromEntries(sides) });
  };
  const placed = (list) => (list ?? []).map((found) => found.box ?? found).filter((box) => "left" in box);
  return [...placed(people?.boxes).map(drawn("person")), ...placed(people?.faces?.boxes).map(drawn("face")), ...placed(text?.lines ?? text?.boxes).map(drawn("text"))];
}

const graded = (part) => part?.grades?.map(({ id, score }) => `${id} ${percent(score)}`).join(", ");
const words = (text) => text?.lines?.map((line) => line.text).filter(Boolean).join(" / ");

// What is seen beside the tags; what was not asked for is absent.
function seen({ people, text, safety, colors, quality, exif, partial }) {
  const told = {
    people: people && count(people.count),
    text: [graded(text), words(text)].filter(Boolean).join(": "),
    safety: graded(safety),
    colors: colors?.length ? h("span.colors", colors.map(swatch)) : undefined,
    quality: quality && Object.entries(quality).map(([name, part]) => `${name} ${percent(part)}`).join(", "),
    taken: exif?.taken_at?.replace("T", " "),
    camera: exif?.camera,
    place: exif?.place && `${exif.place.latitude}, ${exif.place.longitude}`,
    partial: partial && t("answer.partial", { what: partial.join(", ") }),
  };
  const rows = Object.entries(told).filter(([, value]) => value);
  return rows.length > 0 && h("dl.seen", rows.flatMap(([name, value]) => [h("dt", t(`seen.${name}`)), h("dd", value)]));
}

const swatch = ({ name, share, hex }) => h("span", h("i.swatch", { style: { background: hex } }), `${name} ${percent(share)}`);

function tagsCard(tags) {
  return card(t("answer.tags"), tags.length ? h("ol.tags", tags.map(tagRow)) : h("p.quiet", t("answer.no_tags")));
}

function tagRow({ name, category_name, confidence, parents }) {
  return h("li",
    h("span.name", name, h("em", category_name)),
    h("span.number", percent(confidence, 1)),
    h("div.bar", { "aria-hidden": "true" }, h("i", { style: { width: `${confidence * 100}%` } })),
    parents.length > 0 && h("span.quiet.parents", parents.join(" › ")));
}

function timeCard({ id, timings_ms, explain, worker }) {
  const { total, ...stages } = timings_ms;
  const title = [t("answer.time"), " ", h("span.quiet", ms(total))];
  return card(title, waterfall(explain?.stages ?? contiguous(stages), total, worker), explain && h("p.quiet", story(explain)), h("a", { href: `#/requests/${id}` }, t("requests.whole")));
}

/** Stages follow each other. */
function contiguous(stages) {
  let start_ms = 0;
  return Object.entries(stages).map(([stage, ms]) => {
    const row = { stage, start_ms, ms };
    start_ms += ms;
    return row;
  });
}

/** What became of a request, in sentences. */
export function story({ cached, wait_ms, predicted_wait_ms, batch, attempts, trace_id }) {
  const word = (kind, name) => (known(`${kind}.${name}`) ? t(`${kind}.${name}`) : name);
  const told = [];
  if (cached) told.push(t("story.cached", { by: word("cached", cached) }));
  if (wait_ms !== undefined) told.push(t(predicted_wait_ms === undefined ? "story.waited" : "story.waited.foretold", { wait: ms(wait_ms), foretold: ms(predicted_wait_ms) }));
  if (batch) told.push(t(batch.images === 1 ? "story.alone" : "story.batch", { images: batch.images, why: word("closed", batch.closed) }));
  if (attempts > 1) told.push(t("story.attempt", { attempts }));
  told.push(t("story.trace", { trace_id }));
  return told.join(" ");
}
