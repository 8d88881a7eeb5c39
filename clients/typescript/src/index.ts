/** Types of Tagfleet's HTTP API, generated from its OpenAPI document, and what verifies its webhooks. */

import type { components } from "./api.ts";

export type { components, operations, paths } from "./api.ts";
export { InvalidSignature, verifyWebhook } from "./webhook.ts";
export type { WebhookEvent, WebhookHeaders, WebhookOptions } from "./webhook.ts";

type Schemas = components["schemas"];
export type Batch = Schemas["BatchView"];
export type BatchRequest = Schemas["BatchRequest"];
export type Problem = Schemas["Problem"];
/** The stable codes of problems. */
export type ProblemCode = Problem["code"];
export type TagAnswer = Schemas["TagAnswer"];
export type TagRequest = Schemas["TagRequest"];
