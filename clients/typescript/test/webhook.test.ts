import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";

import { InvalidSignature, verifyWebhook } from "../src/webhook.ts";

const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OTHER = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const NOW = 1_700_000_000;
const BODY = JSON.stringify({ type: "batch.completed", timestamp: "2023-11-14T22:13:20Z", data: { id: "batch_고양이" } });

function signature(secret: string, body = BODY): string {
  const key = Buffer.from(secret.slice("whsec_".length), "base64");
  return `v1,${createHmac("sha256", key).update(`msg_1.${NOW}.${body}`).digest("base64")}`;
}

const HEADERS = { "Webhook-Id": "msg_1", "Webhook-Timestamp": `${NOW}`, "Webhook-Signature": signature(SECRET) };

test("the example of the specification's own libraries is taken", async () => {
  const headers = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
  };
  const event: unknown = await verifyWebhook('{"test": 2432232314}', headers, SECRET, { nowS: 1614265330 });
  assert.deepEqual(event, { test: 2432232314 });
});

test("what the service signed is taken, as text and as bytes, from any kind of headers", async () => {
  for (const body of [BODY, new TextEncoder().encode(BODY)]) {
    for (const headers of [HEADERS, new Headers(HEADERS)]) {
      const event = await verifyWebhook(body, headers, SECRET, { nowS: NOW + 299 });
      assert.equal(event.data.id, "batch_고양이");
    }
  }
});

test("one of several signatures is enough", async () => {
  const several = `v2,abcd v1,?? ${signature(OTHER)} ${signature(SECRET)}`;
  const event = await verifyWebhook(BODY, { ...HEADERS, "Webhook-Signature": several }, SECRET, { nowS: NOW });
  assert.equal(event.type, "batch.completed");
});

test("anything else is refused", async () => {
  const cases: [string, Record<string, string>][] = [
    [BODY, { ...HEADERS, "Webhook-Signature": signature(OTHER) }],
    [BODY, { ...HEADERS, "Webhook-Timestamp": `${NOW + 1}` }],
    [BODY, { ...HEADERS, "Webhook-Timestamp": "now" }],
    [BODY, { ...HEADERS, "Webhook-Id": "msg_2" }],
    [BODY, { ...HEADERS, "Webhook-Signature": "" }],
    [BODY, {}],
    [BODY.replace("completed", "failed"), HEADERS],
  ];
  for (const [body, headers] of cases) {
    await assert.rejects(verifyWebhook(body, headers, SECRET, { nowS: NOW }), InvalidSignature);
  }
});

test("an old delivery is refused", async () => {
  for (const nowS of [NOW + 301, NOW - 301]) {
    await assert.rejects(verifyWebhook(BODY, HEADERS, SECRET, { nowS }), /301 s/);
  }
});

test("a secret that is none is the caller's fault", async () => {
  await assert.rejects(verifyWebhook(BODY, HEADERS, "whsec_%", { nowS: NOW }), TypeError);
});
