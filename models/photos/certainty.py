"""How certain scores are, how certain they should be, and the rule that makes one of the other (README.md)."""

import numpy as np

TEMPERATURES = np.arange(0.4, 1.3, 0.01).round(2)
BINS = 10
RESAMPLES = 500


def warmed(scores, temperature):
    """p^(1/T), made to sum to 1 again: the same as dividing the logits by T."""
    logs = np.log(np.maximum(scores, 1e-12)) / np.reshape(temperature, (-1, 1))
    powers = np.exp(logs - logs.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def entropy(scores):
    return -(scores * np.log(np.maximum(scores, 1e-12))).sum(1)


def calibrated(scores, manifest, names):
    """What the worker makes of the classes' scores, by the manifest's `temperature` and `[certainty]`."""
    rule = manifest["certainty"]
    spread = entropy(scores)
    plain = np.clip((spread - rule["sharp_entropy"]) / (rule["plain_entropy"] - rule["sharp_entropy"]), 0, 1)
    sharpened = warmed(scores, manifest["temperature"] + (1 - manifest["temperature"]) * plain)
    wary = np.outer(spread > rule["wary_entropy"], np.isin(names, rule["wary"]))
    blank = (spread > rule["blank_entropy"])[:, None]
    return np.where(wary | blank, np.minimum(sharpened, rule["ceiling"]), sharpened)


def losses(scores, truths):
    """-ln of what each photo's right classes got together."""
    return np.array([-np.log(max(row[truth].sum(), 1e-9)) for row, truth in zip(scores, truths)])


def is_right(scores, truths):
    return np.array([best in truth for best, truth in zip(scores.argmax(1), truths)])


def calibration_error(scores, truths):
    """Expected calibration error of the best class."""
    certainty, right = scores.max(1), is_right(scores, truths)
    bins = np.minimum((certainty * BINS).astype(int), BINS - 1)
    return sum(abs(certainty[bins == b].sum() - right[bins == b].sum()) for b in set(bins)) / len(right)


def best_temperature(scores, truths):
    """The one of least loss, and between which it lies for 95 % of resamplings."""
    table = np.stack([losses(warmed(scores, t), truths) for t in TEMPERATURES])
    random = np.random.default_rng(0)
    draws = [table[:, random.integers(0, len(truths), len(truths))].mean(1).argmin() for _ in range(RESAMPLES)]
    low, high = np.percentile(TEMPERATURES[draws], [2.5, 97.5])
    return TEMPERATURES[table.mean(1).argmin()], low, high
