// The photos of this tab: each is sent once, a few at a time.

import { call, key } from "../base/api.js";
import { quoted } from "../base/format.js";

const AT_ONCE = 3;
/** More would fill the browser's memory. */
const KEPT = 60;

/** The newest first. */
export const entries = [];

export const ofFile = (file) => ({ name: file.name || "photo", file, photo: URL.createObjectURL(file), state: "waiting" });
export const ofUrl = (url) => ({ name: url.split(/[?#]/)[0].split("/").filter(Boolean).at(-1) ?? url, url, photo: url, state: "waiting" });

let under_way = 0;

/** Sends what waits, and calls `changed(entry)` for each that is done. */
export function tag(changed) {
  while (under_way < AT_ONCE) {
    const next = entries.findLast((entry) => entry.state === "waiting");
    if (!next) break;
    next.state = "sending";
    under_way += 1;
    send(next).then(() => { under_way -= 1; changed(next); tag(changed); });
  }
  forgetOld();
}

/** Lets go of the oldest that have ended; what was not sent yet is nobody's to lose. */
function forgetOld() {
  const hasEnded = ({ state }) => state === "done" || state === "failed";
  for (const old of entries.slice(KEPT).filter(hasEnded)) {
    entries.splice(entries.indexOf(old), 1);
    if (old.photo.startsWith("blob:")) URL.revokeObjectURL(old.photo);
  }
}

async function send(entry) {
  const request = entry.url ? asJson(entry.url, entry.options) : asBody(entry.file, entry.options);
  entry.curl = request.curl;
  try {
    const response = await call("/v1/tags", { method: "POST", headers: { "content-type": request.type }, body: request.body, query: { ...request.query, explain: 1 } });
    entry.answer = await response.json();
    entry.state = "done";
  } catch (error) {
    entry.error = error;
    entry.state = "failed";
  }
}

const curlKey = () => (key.get() ? ` \\\n  -H "authorization: Bearer $TAGFLEET_API_KEY"` : "");

function asJson(url, options) {
  const body = JSON.stringify({ image: { url }, ...options });
  const curl = `curl -sS ${location.origin}/v1/tags${curlKey()} \\\n  -H 'content-type: application/json' \\\n  -d ${quoted(body)}`;
  return { body, type: "application/json", query: {}, curl };
}

function asBody(file, options) {
  const type = file.type.startsWith("image/") ? file.type : "application/octet-stream";
  const target = new URL("/v1/tags", location.origin);
  for (const [name, value] of Object.entries(options)) target.searchParams.set(name, value);
  const curl = `curl -sS ${quoted(String(target))}${curlKey()} \\\n  -H ${quoted(`content-type: ${type}`)} \\\n  --data-binary ${quoted(`@${file.name}`)}`;
  return { body: file, type, query: options, curl };
}
