"""EfficientNet-lite weights → ONNX graph: `efficientnet.py lite0 weights.pth model.onnx`.

In: `image`, uint8 `[n, height, width, 3]`, RGB. Out: `scores`, float32 `[n, 1000]`,
softmax over the ImageNet classes; and `scores_and_features`, float32 `[n, 1000 + 1280]`,
the scores and behind them what the classifier sees of a picture: an embedding. The cast and the normalisation are in the graph,
so whoever feeds it only ever handles bytes.
"""

import sys
from typing import NamedTuple

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from nodes import save
from torch_weights import read_tensors

BATCH_NORM_EPSILON = 1e-3  # TensorFlow's, not torch's 1e-5
OPSET = 17
# (blocks in lite0, stride of the first) per stage. Widths and kernels are read from the weights.
STAGES = [(1, 1), (2, 2), (2, 2), (3, 2), (3, 1), (4, 2), (1, 1)]


class Variant(NamedTuple):
    input_px: int
    depth: float


VARIANTS = {"lite0": Variant(224, 1.0), "lite1": Variant(240, 1.1), "lite2": Variant(260, 1.2)}


def block_strides(depth):
    """The stride of each block. The lite family never deepens its first and last stage."""
    strides = []
    for stage, (blocks, stride) in enumerate(STAGES):
        if stage not in (0, len(STAGES) - 1):
            blocks = int(np.ceil(blocks * depth))
        strides += [stride] + [1] * (blocks - 1)
    return strides


def same_padding(size_px, kernel, stride):
    """TensorFlow's SAME: (before, after). The odd pixel goes after, which torch never does."""
    total = max((-(-size_px // stride) - 1) * stride + kernel - size_px, 0)
    return total // 2, total - total // 2


class GraphWriter:
    """Appends nodes one behind the other; `self.last` is the tensor that comes out."""

    def __init__(self, weights, size_px):
        self.weights, self.size_px, self.last = weights, size_px, "image"
        self.nodes, self.constants = [], []

    def constant(self, name, value):
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, op, name, *extra_inputs, **attributes):
        self.nodes.append(helper.make_node(op, [self.last, *extra_inputs], [name], name=name, **attributes))
        self.last = name

    def normalise(self):
        # Transposed while still bytes: a quarter of the memory traffic of doing it as floats.
        self.node("Transpose", "planes", perm=[0, 3, 1, 2])
        self.cast("floats")
        self.node("Sub", "centred", self.constant("mean", np.float32(127)))
        self.node("Mul", "normalised", self.constant("scale", np.float32(1 / 128)))

    def cast(self, name):
        self.node("Cast", name, to=TensorProto.FLOAT)

    def convolve(self, conv, norm, stride=1, depthwise=False, activate=True):
        kernel, bias = self.fold(conv, norm)
        before, after = same_padding(self.size_px, kernel.shape[2], stride)
        pads, groups = [before, before, after, after], len(kernel) if depthwise else 1
        inputs = self.parameters(conv, norm, kernel, bias)
        self.node("Conv", conv, *inputs, pads=pads, strides=[stride, stride], group=groups)
        self.size_px = -(-self.size_px // stride)
        if activate:
            self.relu6(conv, norm)
        else:
            self.narrowed(conv, norm)

    # Where a quantised graph (quantise.py) differs.

    def parameters(self, conv, norm, kernel, bias):
        return self.constant(f"{conv}.kernel", kernel), self.constant(f"{conv}.bias", bias)

    def relu6(self, conv, norm):
        self.node("Clip", f"{conv}.relu6", "zero", "six")

    def narrowed(self, conv, norm):
        """A convolution without an activation ended here."""

    def add(self, name, before):
        self.node("Add", name, before)

    def fold(self, conv, norm):
        """The batch norm that follows a convolution, worked into its kernel and bias."""
        stat = {s: self.weights[f"{norm}.{s}"].astype(np.float64) for s in ("weight", "bias", "running_mean", "running_var")}
        scale = stat["weight"] / np.sqrt(stat["running_var"] + BATCH_NORM_EPSILON)
        kernel = self.weights[f"{conv}.weight"] * scale[:, None, None, None]
        return kernel.astype(np.float32), (stat["bias"] - stat["running_mean"] * scale).astype(np.float32)

    def block(self, name, stride):
        """An inverted bottleneck: widen (but for the first block), filter, narrow, add what came in."""
        before = self.last
        narrow_in = self.weights[f"{name}._depthwise_conv.weight"].shape[0]
        if f"{name}._expand_conv.weight" in self.weights:
            narrow_in = self.weights[f"{name}._expand_conv.weight"].shape[1]
            self.convolve(f"{name}._expand_conv", f"{name}._bn0")
        self.convolve(f"{name}._depthwise_conv", f"{name}._bn1", stride, depthwise=True)
        self.convolve(f"{name}._project_conv", f"{name}._bn2", activate=False)
        if stride == 1 and len(self.weights[f"{name}._project_conv.weight"]) == narrow_in:
            self.add(f"{name}.add", before)

    def classify(self):
        self.node("GlobalAveragePool", "pooled")
        self.node("Flatten", "features")
        weight, bias = self.weights["_fc.weight"].astype(np.float32), self.weights["_fc.bias"].astype(np.float32)
        self.node("Gemm", "logits", self.constant("fc.weight", weight), self.constant("fc.bias", bias), transB=1)
        self.node("Softmax", "scores", axis=1)
        self.node("Concat", "scores_and_features", "features", axis=1)

    def model(self, name, input_px):
        image = helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", input_px, input_px, 3])
        classes, features = self.weights["_fc.weight"].shape
        sizes = {"scores": classes, "scores_and_features": classes + features}
        outputs = [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", size]) for output, size in sizes.items()]
        graph = helper.make_graph(self.nodes, name, [image], outputs, self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8, producer_name="tagfleet")


def build(name, weights, writer=GraphWriter):
    variant = VARIANTS[name]
    strides = block_strides(variant.depth)
    blocks = len({key.split(".")[1] for key in weights if key.startswith("_blocks.")})
    if blocks != len(strides):
        raise SystemExit(f"{name} has {len(strides)} blocks, these weights have {blocks}")
    graph = writer(weights, variant.input_px)
    graph.constant("zero", np.float32(0))
    graph.constant("six", np.float32(6))
    graph.normalise()
    graph.convolve("_conv_stem", "_bn0", stride=2)
    for index, stride in enumerate(strides):
        graph.block(f"_blocks.{index}", stride)
    graph.convolve("_conv_head", "_bn1")
    graph.classify()
    return graph.model(f"efficientnet-{name}", variant.input_px)


def main(name, weights_path, model_path):
    save(build(name, read_tensors(weights_path)), model_path)


if __name__ == "__main__":
    main(*sys.argv[1:])
