// Calls of the service's own API: everything that a page shows, a program can ask for too.

import { t } from "./words.js";

// Kept until the tab is closed, and never shown again.
const KEY = "tagfleet-api-key";

export const key = {
  get: () => sessionStorage.getItem(KEY),
  set: (text) => sessionStorage.setItem(KEY, text),
  forget: () => sessionStorage.removeItem(KEY),
};

export const authorization = () => (key.get() ? { authorization: `Bearer ${key.get()}` } : {});

/** What went wrong, as the service says it: `code`, `title`, `detail`, `stage`, `retryable`, `request_id`. */
export class Problem extends Error {
  constructor(told) {
    super(told.detail ?? told.title);
    this.told = told;
  }
}

/** The rate limits by the last answer that named some. */
export const standing = { policies: [] };

/** Asks; returns the response, or throws a `Problem`. */
export async function call(path, { query, headers, ...options } = {}) {
  const url = new URL(path, location.origin);
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined && value !== null && value !== "") url.searchParams.set(name, value);
  }
  const response = await reached(url, { ...options, headers: { ...authorization(), ...headers } });
  noteStanding(response.headers);
  if (response.ok) return response;
  throw await problem(response);
}

export async function json(path, options) {
  const response = await call(path, options);
  return response.status === 204 ? null : response.json();
}

/** Sends an object; gets one. */
export const post = (path, body, options = {}) =>
  json(path, { method: "POST", ...options, headers: { "content-type": "application/json", ...options.headers }, body: JSON.stringify(body ?? {}) });

async function reached(url, options) {
  try {
    return await fetch(url, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({ title: t("problem.unreachable"), detail: String(error.message ?? error), code: "unreachable", retryable: true });
  }
}

async function problem(response) {
  if (response.status === 401) document.dispatchEvent(new Event("key-wanted"));
  const told = await response.json().catch(() => ({}));
  return new Problem({ title: `HTTP ${response.status}`, code: "none", status: response.status, ...told });
}

// `"default";q=100;w=2` and `"default";r=97;t=1` (draft-ietf-httpapi-ratelimit-headers).
function noteStanding(headers) {
  const [allowed, left] = ["ratelimit-policy", "ratelimit"].map((name) => parts(headers.get(name)));
  if (!allowed.size) return;
  standing.policies = [...allowed].map(([name, { q, w }]) => ({ name, requests: q, seconds: w, left: left.get(name)?.r }));
}

function parts(text) {
  const items = (text ?? "").split(",").filter(Boolean).map((item) => {
    const [name, ...values] = item.trim().split(";");
    return [name.replaceAll('"', ""), Object.fromEntries(values.map((value) => value.split("=")).map(([sign, number]) => [sign, Number(number)]))];
  });
  return new Map(items);
}
