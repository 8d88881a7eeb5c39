// Prometheus' text, and what a histogram gained between two looks.

import assert from "node:assert/strict";
import { test } from "node:test";
import { gained, histogram, parse, sum } from "../../api-server/console/fleet/metrics.js";

const TEXT = `# HELP requests Requests
requests_total{code="ok",note="a \\"b\\", c"} 3
requests_total{code="no_workers"} 2
up 1
seconds_bucket{stage="infer",role="worker",le="0.01"} 0
seconds_bucket{stage="infer",role="worker",le="0.1"} 10
seconds_bucket{stage="infer",role="worker",le="+Inf"} 10
seconds_bucket{stage="infer",role="other",le="0.1"} 5
seconds_bucket{stage="infer",role="other",le="+Inf"} 5
`;

test("counters add up over the labels that are not named", () => {
  const samples = parse(TEXT);
  assert.equal(sum(samples, "requests_total"), 5);
  assert.equal(sum(samples, "requests_total", { code: "ok" }), 3);
  assert.equal(sum(samples, "absent"), null);
  assert.equal(samples.get("requests_total")[0].labels.note, 'a \\"b\\", c');
});

test("a quantile is of what came since", () => {
  const before = histogram(parse(TEXT), "seconds", { stage: "infer" });
  assert.equal(before.get(Infinity), 15);
  assert.equal(gained(before, before, 0.95), null);
  const now = new Map([[0.01, 90], [0.1, 115], [Infinity, 115]]);
  assert.ok(Math.abs(gained(before, now, 0.5) - 0.01 * (50 / 90)) < 1e-9);
  assert.ok(gained(before, now, 0.95) > 0.01 && gained(before, now, 0.95) <= 0.1);
  assert.equal(gained(new Map(), new Map([[0.1, 0], [Infinity, 4]]), 0.5), 0.1, "beyond the last bound nothing is known");
});
