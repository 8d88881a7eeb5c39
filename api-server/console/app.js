// The frame: which page is shown, in which language, and whether the service is well.

import { json, key } from "./base/api.js";
import { every, fill, h } from "./base/dom.js";
import { problemCard, waiting } from "./base/pieces.js";
import { applyTheme, settings } from "./base/settings.js";
import { language, t } from "./base/words.js";
import { showBatches } from "./batches/page.js";
import { showFleet } from "./fleet/page.js";
import { keyForm, showKeys } from "./keys/page.js";
import { showRequests } from "./requests/page.js";
import { showSearch } from "./search/page.js";
import { showTry } from "./try/page.js";

const PAGES = {
  try: showTry,
  batches: showBatches,
  search: showSearch,
  fleet: showFleet,
  requests: showRequests,
  keys: showKeys,
};

const place = (id) => document.getElementById(id);
// What a page has begun ends when it is left.
let leaving = new AbortController();
// A fleet without a model for phrases finds no tags by them.
let searches = false;

/** Somebody may have typed an address that is not encoded. */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function route() {
  const [name, ...rest] = location.hash.replace(/^#\/?/, "").split("/").map(decoded);
  return { name: Object.hasOwn(PAGES, name) ? name : "try", rest };
}

async function open({ byUser }) {
  leaving.abort();
  leaving = new AbortController();
  const { name, rest } = route();
  document.title = `${t(`page.${name}`)} · Tagfleet`;
  showNavigation(name);
  const shown = h("div.page", waiting());
  fill(place("main"), shown);
  // The page has a form for the key of its own.
  if (name === "keys") fill(place("key-place"));
  const showing = PAGES[name](shown, rest, leaving.signal);
  // The heading is there at once, and read out; what is loaded later takes nobody's focus.
  if (byUser) (shown.querySelector("h1") ?? place("main")).focus();
  await showing?.catch((error) => fill(shown, problemCard(error)));
}

function showNavigation(now) {
  const names = Object.keys(PAGES).filter((name) => name !== "search" || searches);
  place("pages").setAttribute("aria-label", t("pages"));
  fill(place("pages"), names.map((name) => h("a", { href: `#/${name}`, "aria-current": name === now ? "page" : null }, t(`page.${name}`))));
}

function showFrame() {
  document.documentElement.lang = language();
  place("skip").textContent = t("skip");
  place("key-place").setAttribute("aria-label", t("page.keys"));
  fill(place("settings"), settings(() => { showFrame(); open({ byUser: false }); }));
  fill(place("foot"), h("a", { href: "/docs/" }, t("foot.api")), h("a", { href: "/metrics" }, t("foot.metrics")), h("a", { href: "/openapi.json" }, "OpenAPI"));
}

async function showStatus() {
  const [state, words] = await health();
  const status = place("status");
  // A screen reader hears a change, not every look.
  if (status.textContent === words) return;
  status.dataset.state = state;
  status.textContent = words;
}

async function health() {
  try {
    const ready = await (await fetch("/readyz")).json();
    return ready.workers > 0 ? ["ready", t("status.ready", { workers: ready.workers })] : ["down", ready.detail ?? t("status.none")];
  } catch {
    return ["down", t("problem.unreachable")];
  }
}

// A model that takes phrases takes no pictures: workers name it, and the list of models for pictures does not.
async function lookForSearch() {
  const { models } = await json("/v1/models").catch(() => ({ models: [] }));
  searches = models.some(({ kind }) => kind === "phrase");
  showNavigation(route().name);
}

function askForKey() {
  if (route().name === "keys" || place("key-place").childElementCount) return;
  fill(place("key-place"), keyForm((text) => {
    key.set(text);
    fill(place("key-place"));
    open({ byUser: false });
    lookForSearch();
  }));
}

place("skip").addEventListener("click", (event) => { event.preventDefault(); place("main").focus(); });
addEventListener("hashchange", () => open({ byUser: true }));
document.addEventListener("key-wanted", askForKey);
applyTheme();
showFrame();
open({ byUser: false });
lookForSearch();
showStatus();
every(5, new AbortController().signal, showStatus);
