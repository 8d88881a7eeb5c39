// Server-sent events by fetch: `EventSource` can send no key.

import { call, Problem } from "./api.js";
import { pause } from "./dom.js";

const LONGEST_PAUSE_MS = 15_000;

/** Calls `see(name, data)` for each event until it returns true, the page is left, or the service refuses; comes back after a break. */
export async function follow(path, signal, see) {
  let breaks = 0;
  while (!signal.aborted) {
    try {
      const response = await call(path, { signal, headers: { accept: "text/event-stream" } });
      for await (const { event, data } of events(response.body)) {
        breaks = 0;
        if (drawn(see, event, data)) return;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Problem && !error.told.retryable) throw error;
      if (error instanceof Drawing) throw error.cause;
    }
    await pause(Math.min(1_000 * 2 ** breaks, LONGEST_PAUSE_MS), signal);
    breaks += 1;
  }
}

/** A fault of ours, which no other try mends. */
class Drawing extends Error {}

function drawn(see, event, data) {
  try {
    return see(event, JSON.parse(data));
  } catch (cause) {
    throw new Drawing("an event could not be shown", { cause });
  }
}

async function* events(body) {
  let rest = "";
  for await (const text of pieces(body)) {
    const blocks = (rest + text).split("\n\n");
    rest = blocks.pop();
    yield* blocks.map(read).filter(({ data }) => data);
  }
}

export async function* pieces(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}

function read(block) {
  const fields = block.split("\n").map((line) => line.split(/: ?(.*)/s));
  const field = (name) => fields.filter(([key]) => key === name).map(([, value]) => value).join("\n");
  return { event: field("event"), data: field("data") };
}
