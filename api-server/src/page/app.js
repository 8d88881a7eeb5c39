"use strict";

const $ = (id) => document.getElementById(id);

// Where each stage happens, and what it is, in the order of an image's way.
const STAGES = {
  admit: ["api", "is there room, is the request valid"],
  lookup: ["api", "which model, and who runs it"],
  fetch: ["api", "download, or the body's arrival"],
  prepare: ["api", "decode, turn upright, shrink to the model's size"],
  publish: ["api", "hand the job to the queue"],
  queue: ["line", "wait for a worker"],
  decode: ["worker", "decode the small tile"],
  batch_wait: ["worker", "wait for others to fill the batch"],
  infer: ["worker", "run the model"],
  postprocess: ["worker", "scores become tags and their parents"],
  caption_wait: ["worker", "wait for the captioner"],
  caption: ["worker", "tags become a sentence"],
  result: ["api", "the result's way back"],
};

const element = (name, className, text) => {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
};
// Kept until the tab is closed, and never shown again.
const KEY = "tagfleet-api-key";
const authorization = () => {
  const key = sessionStorage.getItem(KEY);
  return key ? { authorization: `Bearer ${key}` } : {};
};
const curlKey = () => (sessionStorage.getItem(KEY) ? ` \\\n  -H "authorization: Bearer $TAGFLEET_API_KEY"` : "");
const ms = (n) => `${n < 10 ? n.toFixed(2) : n.toFixed(1)} ms`;
const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

function options() {
  const chosen = {};
  if ($("limit").value) chosen.limit = Number($("limit").value);
  if ($("threshold").value) chosen.threshold = Number($("threshold").value);
  if ($("language").value) chosen.language = $("language").value;
  if ($("model").value) chosen.model = $("model").value;
  const features = ["tags"];
  if ($("caption").checked) features.push("caption");
  for (const box of document.querySelectorAll("#also label:not([hidden]) input:checked")) features.push(box.value);
  if (features.join() !== "tags,caption") chosen.features = features;
  return chosen;
}

const endpoint = (query) => {
  const url = new URL("/v1/tags", location.href);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  return url;
};

function tagUrl(url) {
  const body = JSON.stringify({ image: { url }, ...options() });
  const curl = `curl -sS ${endpoint({})}${curlKey()} \\\n  -H 'content-type: application/json' \\\n  -d ${quoted(body)}`;
  return send(endpoint({}), "application/json", body, url, curl);
}

function tagFile(file) {
  const target = endpoint(options());
  const type = file.type.startsWith("image/") ? file.type : "application/octet-stream";
  const curl = `curl -sS ${quoted(String(target))}${curlKey()} \\\n  -H ${quoted(`content-type: ${type}`)} \\\n  --data-binary ${quoted(`@${file.name}`)}`;
  return send(target, type, file, URL.createObjectURL(file), curl);
}

async function send(target, type, body, photo, curl) {
  $("go").disabled = true;
  target.searchParams.set("explain", "1");
  try {
    const response = await fetch(target, { method: "POST", headers: { "content-type": type, ...authorization() }, body });
    askForKey(response);
    const answer = await response.json();
    $("curl").textContent = curl;
    $("json").textContent = JSON.stringify(answer, null, 2);
    $("raw").hidden = false;
    if (response.ok) showAnswer(answer, photo);
    else showProblem(answer);
  } catch (error) {
    showProblem({ title: "No answer", detail: String(error), code: "none", stage: "none", retryable: true });
  } finally {
    $("go").disabled = false;
  }
}

function askForKey(response) {
  if (response.status === 401) $("key-form").hidden = false;
}

function showProblem(problem) {
  $("answer").hidden = true;
  $("problem").hidden = false;
  $("problem-title").textContent = problem.title;
  $("problem-detail").textContent = problem.detail;
  $("problem-code").textContent = problem.code;
  $("problem-stage").textContent = problem.stage;
  $("problem-again").textContent = problem.retryable ? "; trying again may help" : "";
}

function showAnswer(answer, photo) {
  $("problem").hidden = true;
  $("answer").hidden = false;
  $("photo").hidden = false;
  $("photo").src = photo;
  const { text, status, model } = answer.caption;
  $("sentence").textContent = text ?? "";
  $("sentence-by").textContent = text ? `Caption: ${status.replaceAll("_", " ")}${model && model !== status ? ` (${model})` : ""}.` : "";
  const { width, height, format, bytes } = answer.image;
  $("facts").textContent = `${width} × ${height} ${format}, ${Math.ceil(bytes / 1000)} kB. Tags by ${answer.model.name}.`;
  showBoxes(answer.people);
  showSeen(answer);
  $("tags").replaceChildren(...answer.tags.map(tagRow));
  $("no-tags").hidden = answer.tags.length > 0;
  $("worker").textContent = answer.worker;
  $("story").textContent = answer.explain ? story(answer.explain) : "";
  showStages(answer.timings_ms);
}

// Where people and faces are, over the photo: parts of its sides, so that they stay in place at any size.
function showBoxes(people) {
  const drawn = (kind) => ({ left, top, width, height, confidence }) => {
    const box = element("i");
    box.title = `${kind}, ${percent(confidence)}`;
    box.dataset.kind = kind;
    for (const [side, part] of Object.entries({ left, top, width, height })) box.style[side] = `${part * 100}%`;
    return box;
  };
  const bodies = (people?.boxes ?? []).map(drawn("person"));
  const faces = (people?.faces?.boxes ?? []).map(drawn("face"));
  $("boxes").replaceChildren(...bodies, ...faces);
}

const percent = (share) => `${(share * 100).toFixed(0)} %`;
const graded = (part) => part?.grades.map(({ id, score }) => `${id} ${percent(score)}`).join(", ");

// What is seen beside the tags; what was not asked for is absent.
function showSeen({ people, text, safety, colors, quality, exif, partial }) {
  const place = exif?.place && `${exif.place.latitude}, ${exif.place.longitude}`;
  const told = {
    People: people && String(people.count),
    Text: graded(text),
    Safety: graded(safety),
    Colours: colors?.length ? colors.flatMap(swatch) : undefined,
    Quality: quality && Object.entries(quality).map(([name, part]) => `${name} ${percent(part)}`).join(", "),
    Taken: exif?.taken_at?.replace("T", " "),
    Camera: exif?.camera,
    Place: place,
    Missing: partial && `${partial.join(", ")}: the model did not answer`,
  };
  const rows = Object.entries(told).filter(([, words]) => words);
  $("seen").replaceChildren(...rows.flatMap(([name, words]) => [element("dt", "", name), described(words)]));
}

function described(words) {
  const cell = element("dd");
  cell.append(...[words].flat());
  return cell;
}

function swatch({ name, share, hex }) {
  const patch = element("i");
  patch.className = "swatch";
  patch.style.background = hex;
  return [patch, `${name} ${percent(share)} `];
}

// Why a batch did not wait for more images.
const CLOSED = {
  full: "no more fitted",
  idle: "waiting would have gained nothing",
  age: "it had waited as long as that could pay",
  deadline: "one more would have made it late",
  drain: "the worker is stopping",
};
// What an answer was found by, where nothing had to be worked out.
const CACHED = { url: "its address", bytes: "its bytes", tile: "a copy of it", key: "the request's key" };

function story({ cached, wait_ms, predicted_wait_ms, batch, attempts, trace_id }) {
  const told = [];
  if (cached) told.push(`Known from before, by ${CACHED[cached] ?? cached}.`);
  if (wait_ms !== undefined) {
    const foretold = predicted_wait_ms === undefined ? "" : ` (${ms(predicted_wait_ms)} foretold)`;
    told.push(`Waited ${ms(wait_ms)} for a worker${foretold}.`);
  }
  if (batch) {
    const why = CLOSED[batch.closed] ?? batch.closed;
    told.push(batch.images === 1 ? `Alone in its batch: ${why}.` : `In a batch of ${batch.images}: ${why}.`);
  }
  if (attempts > 1) told.push(`Attempt ${attempts}: a worker was lost before.`);
  told.push(`Trace ${trace_id}.`);
  return told.join(" ");
}

function tagRow(tag) {
  const row = element("li");
  const name = element("span", "name", tag.name);
  name.append(element("em", "", tag.category_name));
  const bar = element("div", "bar");
  const fill = element("i");
  fill.style.width = `${tag.confidence * 100}%`;
  bar.append(fill);
  row.append(name, element("span", "number", `${(tag.confidence * 100).toFixed(1)} %`), bar);
  if (tag.parents.length) row.append(element("span", "parents quiet", tag.parents.join(" › ")));
  return row;
}

function showStages(timings) {
  const { total } = timings;
  $("total").textContent = ms(total);
  let begun = 0;
  const rows = Object.entries(STAGES).map(([stage, [side, meaning]]) => {
    const spent = timings[stage] ?? 0;
    const row = element("li");
    row.title = meaning;
    const track = element("span", "track");
    const bar = element("i");
    bar.dataset.side = side;
    bar.style.left = `${(begun / total) * 100}%`;
    bar.style.width = `${(spent / total) * 100}%`;
    if (stage in timings) track.append(bar);
    row.append(element("span", "", stage), track, element("span", "number", stage in timings ? ms(spent) : "–"));
    begun += spent;
    return row;
  });
  $("stages").replaceChildren(...rows);
}

async function showStatus() {
  try {
    const ready = await (await fetch("/readyz")).json();
    const asked = await fetch("/v1/models", { headers: authorization() });
    askForKey(asked);
    const models = await asked.json();
    if (!asked.ok) {
      $("status").dataset.state = "down";
      $("status").textContent = models.detail;
      return;
    }
    const up = ready.workers > 0;
    const writers = [...new Set(models.workers.map((worker) => worker.captioner))].join(", ");
    $("status").dataset.state = up ? "ready" : "down";
    $("status").textContent = up
      ? `${ready.workers} worker${ready.workers > 1 ? "s" : ""} ready: ${models.default}, captions by ${writers}`
      : `not ready: ${ready.detail}`;
    showModels(models.models.filter((model) => !model.looks_for).map((model) => model.name));
    const subjects = new Set(models.models.map((model) => model.looks_for));
    for (const option of document.querySelectorAll("[data-looks-for]")) option.hidden = !subjects.has(option.dataset.looksFor);
  } catch {
    $("status").dataset.state = "down";
    $("status").textContent = "the server does not answer";
  }
}

function showModels(names) {
  const known = new Set([...$("model").options].map((option) => option.value));
  for (const name of names) if (!known.has(name)) $("model").append(new Option(name, name));
}

$("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const url = $("url").value.trim();
  if (url) tagUrl(url);
  else if ($("file").files[0]) tagFile($("file").files[0]);
  else $("file").click();
});
$("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(KEY, $("key").value.trim());
  $("key").value = "";
  $("key-form").hidden = true;
  $("problem").hidden = true;
  showStatus();
});
$("file").addEventListener("change", () => {
  if (!$("file").files[0]) return;
  $("url").value = "";
  tagFile($("file").files[0]);
});
for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    $("drop").classList.toggle("over", kind === "dragenter" || kind === "dragover");
    if (kind === "drop" && event.dataTransfer.files[0]) tagFile(event.dataTransfer.files[0]);
  });
}
document.addEventListener("paste", (event) => {
  if (event.clipboardData.files[0]) tagFile(event.clipboardData.files[0]);
});
// A browser that cannot show a TIFF can still have it tagged.
$("photo").addEventListener("error", () => { $("photo").hidden = true; });
$("copy").addEventListener("click", () => navigator.clipboard.writeText($("curl").textContent));

showStatus();
setInterval(showStatus, 5000);
