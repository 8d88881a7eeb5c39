/** Whether a webhook comes from the service: Standard Webhooks 1.0, HMAC-SHA256 over `id.timestamp.body`, by WebCrypto. */

import type { components } from "./api.ts";

/** What a webhook tells. */
export interface WebhookEvent {
  type: "batch.completed" | "batch.failed" | "batch.cancelled" | "batch.expired";
  timestamp: string;
  data: components["schemas"]["BatchView"];
}

/** As `fetch` has headers, or as node's `request.headers`. */
export type WebhookHeaders = Headers | Record<string, string | string[] | undefined>;

export interface WebhookOptions {
  /** How far the signature's time may be from now, seconds; 300 if absent. */
  toleranceS?: number;
  /** Seconds since 1970; the clock's if absent. */
  nowS?: number;
}

export class InvalidSignature extends Error {
  override name = "InvalidSignature";
}

/**
 * Returns what a webhook tells, if the service signed it within the tolerance; throws `InvalidSignature` otherwise.
 *
 * `body` is the request's body as it came, not parsed and written anew. `secret` is what `tagfleet keys webhook-secret` shows.
 */
export async function verifyWebhook(
  body: string | Uint8Array,
  headers: WebhookHeaders,
  secret: string,
  { toleranceS = 300, nowS = Date.now() / 1000 }: WebhookOptions = {},
): Promise<WebhookEvent> {
  const id = header(headers, "webhook-id");
  const timestamp = header(headers, "webhook-timestamp");
  const signatures = header(headers, "webhook-signature");
  if (!/^\d+$/.test(timestamp)) throw new InvalidSignature("the headers of a webhook are missing");
  const content = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const signed = joined(new TextEncoder().encode(`${id}.${timestamp}.`), content);
  if (!(await isSigned(signed, signatures, secret))) throw new InvalidSignature("no signature is that of the secret");
  // Only now: a stranger learns nothing of this machine's clock.
  const apartS = Math.abs(nowS - Number(timestamp));
  if (apartS > toleranceS) throw new InvalidSignature(`it was signed ${Math.round(apartS)} s from now`);
  return JSON.parse(new TextDecoder().decode(content)) as WebhookEvent;
}

/** Several by blanks while one secret takes the place of another. Those of other versions are skipped. */
async function isSigned(signed: Uint8Array<ArrayBuffer>, signatures: string, secret: string): Promise<boolean> {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", secretBytes(secret), algorithm, false, ["verify"]);
  for (const signature of signatures.split(" ")) {
    const given = signature.startsWith("v1,") ? fromBase64(signature.slice(3)) : undefined;
    // WebCrypto compares in constant time.
    if (given && (await crypto.subtle.verify("HMAC", key, given, signed))) return true;
  }
  return false;
}

function secretBytes(secret: string): Uint8Array<ArrayBuffer> {
  const bytes = fromBase64(secret.replace(/^whsec_/, ""));
  if (!bytes?.length) throw new TypeError("the secret is not base64: `tagfleet keys webhook-secret` shows it");
  return bytes;
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  } catch {
    return undefined;
  }
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

function header(headers: WebhookHeaders, name: string): string {
  if (headers instanceof Headers) return headers.get(name) ?? "";
  const found = Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1];
  return (Array.isArray(found) ? found[0] : found) ?? "";
}
