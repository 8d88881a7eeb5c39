// What a batch is called, how it stands, and what its meter shows.

import { h } from "../base/dom.js";
import { known, t } from "../base/words.js";

const FINAL = new Set(["completed", "expired", "failed", "cancelled"]);

export const isFinal = ({ status }) => FINAL.has(status);
export const nameOf = ({ metadata, id }) => metadata?.name || `${id.slice(0, 14)}…${id.slice(-4)}`;
export const badge = (status) => h("span.badge", { dataset: { state: status } }, known(`status.${status}`) ? t(`status.${status}`) : status);
export const parts = ({ request_counts: { completed, failed } }) => [["good", completed], ["bad", failed]];
