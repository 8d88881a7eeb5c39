"""EfficientNet-lite weights → int8 ONNX graph: `quantise.py lite0 weights.pth model.onnx`.

In and out are as in efficientnet.py: bytes in, every class's score out. Weights are int8 with a step for each
channel, activations uint8, written as QuantizeLinear/DequantizeLinear pairs that ONNX Runtime fuses into its
integer kernels.

How far each tensor reaches is not measured on photos of ours: the batch norms in the weights hold the mean and
deviation of every channel over ImageNet's 1.3 million. So no photo is fetched, the same bytes come out on every
machine, and sums that decide bytes are made with `math.fsum`, whose result no processor's vector width changes.
The method is Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", 2019.
"""

import math
import sys
from typing import NamedTuple

import numpy as np
from onnx import numpy_helper

from efficientnet import GraphWriter, build
from nodes import save
from torch_weights import read_tensors

# A tensor's range: so many deviations around the mean of each channel. 4 to 8 were tried (README.md).
REACH = 4.5
# A channel of a residual stream is widened at most so much to fill the range.
WIDEST = 64
LARGEST_WEIGHT = 127
# The stem and the first filter stay in floats: what they clip was up to 100, so a rounding error before them is
# amplified, and evenly coloured pictures, where all of a plane is off by the same, lose their class.
FLOAT_KERNELS = {"_conv_stem", "_blocks.0._depthwise_conv"}
FLOAT_OUTPUT = "_conv_stem"


class Spread(NamedTuple):
    """Mean and deviation of each channel."""

    mean: np.ndarray
    deviation: np.ndarray

    def plus(self, other):
        return Spread(self.mean + other.mean, np.sqrt(self.deviation**2 + other.deviation**2))


class Tensor(NamedTuple):
    """`step` between two neighbouring values; each channel was divided by its `narrowing`, so its `mean` too."""

    step: float
    mean: np.ndarray
    narrowing: np.ndarray


def relu6_mean(spread):
    """The mean of a normal distribution after it was clipped to 0…6. Rounded, so that libraries' last bits do not show."""
    return np.array([_clipped_mean(mean, max(deviation, 1e-6)) for mean, deviation in zip(*spread)]).round(4)


def _clipped_mean(mean, deviation):
    low, high = -mean / deviation, (6 - mean) / deviation
    share = [(1 + math.erf(z / math.sqrt(2))) / 2 for z in (low, high)]
    density = [math.exp(-z * z / 2) / math.sqrt(2 * math.pi) for z in (low, high)]
    return mean * (share[1] - share[0]) + deviation * (density[0] - density[1]) + 6 * (1 - share[1])


def keeping_sums(rows):
    """Rounds so that each row's sum stays what it was: a filter over an even surface then errs by half a step at most."""
    floors = np.floor(rows)
    raised = [round(math.fsum(row)) - int(floor.sum()) for row, floor in zip(rows, floors)]
    ranks = np.argsort(np.argsort(floors - rows, axis=1, kind="stable"), axis=1, kind="stable")
    return floors + (ranks < np.array(raised)[:, None])


def int8_kernel(kernel):
    """Whole numbers and, for each output channel, the step that they count."""
    rows = kernel.reshape(len(kernel), -1)
    steps = np.maximum(np.abs(rows).max(1) / LARGEST_WEIGHT, 1e-6).astype(np.float32)
    exact = rows / steps[:, None].astype(np.float64)
    depthwise = kernel.shape[1] == 1
    whole = keeping_sums(exact) if depthwise else np.round(exact)
    return np.clip(whole, -LARGEST_WEIGHT, LARGEST_WEIGHT).astype(np.int8).reshape(kernel.shape), steps


def bias_shift(error, mean):
    """What a kernel's rounding error adds to each output channel's mean."""
    by_input = np.array([[math.fsum(taps) for taps in channel] for channel in error.reshape(*error.shape[:2], -1)])
    products = by_input * (mean[:, None] if error.shape[1] == 1 else mean)
    return np.array([math.fsum(row) for row in products])


class QuantisedWriter(GraphWriter):
    def __init__(self, weights, size_px):
        super().__init__(weights, size_px)
        self.about = {}  # tensor → Tensor
        self.narrowing, self.range = {}, {}  # of each tensor in a residual stream
        self.plan_streams()

    def spread(self, norm):
        return Spread(self.weights[f"{norm}.bias"].astype(np.float64), np.abs(self.weights[f"{norm}.weight"].astype(np.float64)))

    def plan_streams(self):
        """A stream is what a run of blocks adds to. All its tensors narrow a channel by the same factor, or they could not be added."""
        stream, block = {}, 0
        while f"_blocks.{block}._bn2.bias" in self.weights:
            name, out = f"_blocks.{block}", self.spread(f"_blocks.{block}._bn2")
            if block == 0 or len(out.mean) != len(total.mean):
                self.settle_stream(stream)
                stream, total = {f"{name}._project_conv": out}, out
            else:
                total = total.plus(out)
                stream |= {f"{name}._project_conv": out, f"{name}.add": total}
            block += 1
        self.settle_stream(stream)

    def settle_stream(self, stream):
        """Channels that reach less far are multiplied until all reach equally far: they share one step."""
        reach = np.max([np.abs(s.mean) + REACH * s.deviation for s in stream.values()], axis=0, initial=0)
        for tensor, spread in stream.items():
            self.narrowing[tensor] = narrowing = np.maximum(reach / reach.max(), 1 / WIDEST)
            low, high = ((spread.mean + side * spread.deviation) / narrowing for side in (-REACH, REACH))
            self.range[tensor] = low.min(), high.max()

    def normalise(self):
        # The bytes are the quantised picture: (byte - 127) / 128 is exact.
        self.node("Transpose", "planes", perm=[0, 3, 1, 2])
        self.node("DequantizeLinear", "normalised", *self.grid("image", np.float32(1 / 128), np.uint8(127)))
        self.about[self.last] = Tensor(1 / 128, np.zeros(3), np.ones(3))

    def parameters(self, conv, norm, kernel, bias):
        if conv in FLOAT_KERNELS:
            return super().parameters(conv, norm, kernel, bias)
        before = self.about[self.last]
        narrowing = self.narrowing.get(conv, np.ones(len(kernel)))
        exact = kernel.astype(np.float64) / narrowing[:, None, None, None]
        if kernel.shape[1] > 1:  # no depthwise filter follows a stream
            exact *= before.narrowing[:, None, None]
        whole, steps = int8_kernel(exact)
        error = whole * steps[:, None, None, None].astype(np.float64) - exact
        bias = bias / narrowing - bias_shift(error, before.mean)
        return self.int8(f"{conv}.kernel", whole, steps), self.int32(f"{conv}.bias", bias, steps * np.float32(before.step))

    def int8(self, name, whole, steps):
        return self.dequantised(name, whole, steps)

    def int32(self, name, values, steps):
        return self.dequantised(name, np.round(values / steps.astype(np.float64)).astype(np.int32), steps)

    def dequantised(self, name, whole, steps):
        """The tensor `name`, of which whole numbers are stored and a step for each index of its first axis."""
        last, self.last = self.last, self.constant(f"{name}.whole", whole)
        self.node("DequantizeLinear", name, *self.grid(name, steps, np.zeros(len(steps), whole.dtype)), axis=0)
        self.last = last
        return name

    def grid(self, name, step, zero):
        return self.constant(f"{name}.step", step), self.constant(f"{name}.zero", zero)

    def relu6(self, conv, norm):
        mean = relu6_mean(self.spread(norm))
        if conv == FLOAT_OUTPUT:
            super().relu6(conv, norm)
            self.about[self.last] = Tensor(1, mean, np.ones(len(mean)))
        else:
            self.round_to(f"{conv}.relu6", 0, 6, mean)  # clips as well: a byte holds nothing outside of the range

    def narrowed(self, conv, norm):
        self.round_to(conv, *self.range[conv], self.spread(norm).mean / self.narrowing[conv])

    def add(self, name, before):
        mean = self.about[before].mean + self.about[self.last].mean
        super().add(name, before)
        self.round_to(name, *self.range[name], mean)

    def round_to(self, name, low, high, mean):
        """Rounds what came last to 256 values from `low` to `high`, one of which is 0."""
        step = np.float32((max(high, 0) - min(low, 0)) / 255)
        zero = np.uint8(round(-min(low, 0) / float(step)))
        grid = self.grid(name, step, zero)
        self.node("QuantizeLinear", f"{name}.bytes", *grid)
        self.node("DequantizeLinear", f"{name}.rounded", *grid)
        self.about[self.last] = Tensor(float(step), mean, self.narrowing.get(name, np.ones(len(mean))))

    def constant(self, name, value):
        """A grid is named twice, and its scalars stay scalars, as ONNX Runtime's integer kernels want them."""
        if name not in (known.name for known in self.constants):
            self.constants.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name


def main(name, weights_path, model_path):
    save(build(name, read_tensors(weights_path), QuantisedWriter), model_path)


if __name__ == "__main__":
    main(*sys.argv[1:])
