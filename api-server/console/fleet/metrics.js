// Prometheus' text, as far as the page needs it: sums of counters, and what a histogram gained between two looks.

/** Samples by metric name: `[{ labels, value }]`. */
export function parse(text) {
  const samples = new Map();
  for (const line of text.split("\n")) {
    const found = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (!found) continue;
    const [, name, labels, value] = found;
    if (!samples.has(name)) samples.set(name, []);
    samples.get(name).push({ labels: Object.fromEntries([...(labels ?? "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, text]) => [key, text])), value: Number(value) });
  }
  return samples;
}

/** The sum of all samples of that name and those labels; null where there is none. */
export function sum(samples, name, labels = {}) {
  const fitting = (samples.get(name) ?? []).filter((sample) => Object.entries(labels).every(([key, text]) => sample.labels[key] === text));
  return fitting.length ? fitting.reduce((all, { value }) => all + value, 0) : null;
}

/** A histogram's cumulated counts by upper bound, over all roles and processes that tell. */
export function histogram(samples, name, labels) {
  const bounds = new Map();
  for (const { labels: has, value } of samples.get(`${name}_bucket`) ?? []) {
    if (!Object.entries(labels).every(([key, text]) => has[key] === text)) continue;
    const bound = has.le === "+Inf" ? Infinity : Number(has.le);
    bounds.set(bound, (bounds.get(bound) ?? 0) + value);
  }
  return bounds;
}

/** The quantile of what came between two looks, in seconds; null where nothing came. */
export function gained(before, now, quantile) {
  const counts = [...now].sort(([one], [other]) => one - other).map(([bound, n]) => [bound, n - (before.get(bound) ?? 0)]);
  const whole = counts.at(-1)?.[1] ?? 0;
  if (whole <= 0) return null;
  const index = counts.findIndex(([, n]) => n >= whole * quantile);
  const [bound, n] = counts[index];
  const [least, fewer] = index > 0 ? counts[index - 1] : [0, 0];
  if (bound === Infinity) return least;
  return least + (bound - least) * (n > fewer ? (whole * quantile - fewer) / (n - fewer) : 1);
}
