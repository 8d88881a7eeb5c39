"""SSDLite MobileNetV2 of COCO's 80 things: `coco_ssd.py model.json SHARD… model.onnx`.

In: `image`, uint8 `[n, 300, 300, 3]`, RGB. Out: `boxes`, float32 `[n, 100 · 84]`: the 100 surest of 1,917 boxes, each as
top, left, bottom and right, in parts of the picture, and how sure it is of each of the 80 things.

The graph is entered behind its loop over pictures, which scales them, and left before it chooses among its boxes.
"""

import sys

import numpy as np
from nodes import Nodes, save
from onnx import TensorProto, helper
from tfjs import read_graph

SIDE_PX = 300
PICTURE = "Preprocessor/map/TensorArrayStack/TensorArrayGatherV3"
LOGITS = "concat_1"
PLACES = "concat"
# Where the boxes lie that the network moves and stretches: top, left, bottom, right.
ANCHORS = "Postprocessor/ExpandDims"
# In which units it says how far. They are constants of the original: 1/10 of a box for its centre, 1/5 for its size.
UNITS = np.array([0.1, 0.1, 0.2, 0.2], np.float32)
SUREST = 100
# COCO numbers its things from 1 to 90, with gaps. 0 is the background.
GAPS = (12, 26, 29, 30, 45, 66, 68, 69, 71, 83)
THINGS = np.array([number for number in range(1, 91) if number not in GAPS], np.int64)


class Converter(Nodes):
    """Emits what a value needs before the value itself. Pictures lie with their channels first, as ONNX has them."""

    def __init__(self, graph):
        super().__init__()
        self.graph = graph
        self.made = {PICTURE: "picture"}

    def value(self, name):
        if name not in self.made:
            self.made[name] = self.emit(self.graph.nodes[name])
        return self.made[name]

    def emit(self, node):
        operation = OPERATIONS.get(node.op)
        if operation is None:
            raise SystemExit(f"{node.name} is a {node.op}, which is not converted")
        return operation(self, node)


def weight(converter, node):
    """One value a channel stands before two more axes: those of height and width."""
    array = converter.graph.weights[node.name]
    return converter.constant(node.name, array.reshape(-1, 1, 1) if array.ndim == 1 else array)


def elementwise(op):
    return lambda converter, node: converter.node(op, [converter.value(name) for name in node.inputs], node.name)


def relu6(converter, node):
    bounds = [converter.constant("zero", np.float32(0)), converter.constant("six", np.float32(6))]
    return converter.node("Clip", [converter.value(node.inputs[0]), *bounds], node.name)


def convolution(converter, node):
    """Height, width, in, out → out, in, height, width."""
    kernel = converter.graph.weights[node.inputs[1]].transpose(3, 2, 0, 1)
    return convolve(converter, node, kernel, groups=1)


def depthwise(converter, node):
    """Height, width, in, 1 → in, 1, height, width."""
    kernel = converter.graph.weights[node.inputs[1]].transpose(2, 3, 0, 1)
    return convolve(converter, node, kernel, groups=kernel.shape[0])


def convolve(converter, node, kernel, groups):
    if node.text("padding") != "SAME":
        raise SystemExit(f"{node.name} pads as {node.text('padding')}")
    strides = node.numbers("strides")[1:3]
    inputs = [converter.value(node.inputs[0]), converter.constant(node.inputs[1], kernel)]
    # TensorFlow's SAME: the odd pixel on the right and at the bottom.
    return converter.node("Conv", inputs, node.name, strides=strides, group=groups, kernel_shape=kernel.shape[2:], auto_pad="SAME_UPPER")


def normalised(converter, node):
    """Mean and variance are known, so it is a product and a sum."""
    scale, offset, mean, variance = (converter.graph.weights[name] for name in node.inputs[1:5])
    factor = scale / np.sqrt(variance + np.float32(node.attributes["epsilon"]["f"]))
    by = converter.constant(f"{node.name}/factor", factor.reshape(-1, 1, 1))
    plus = converter.constant(f"{node.name}/offset", (offset - mean * factor).reshape(-1, 1, 1))
    product = converter.node("Mul", [converter.value(node.inputs[0]), by], f"{node.name}/product")
    return converter.node("Add", [product, plus], node.name)


def listed(converter, node):
    """What a predictor says of each place becomes a list of boxes: `[n, boxes, values]`."""
    values = 4 if "BoxEncodingPredictor" in node.inputs[0] else len(THINGS) + len(GAPS) + 1
    last = converter.node("Transpose", [converter.value(node.inputs[0])], f"{node.name}/last", perm=[0, 2, 3, 1])
    shape = converter.constant(f"boxes_of_{values}", np.array([0, -1, values], np.int64))
    return converter.node("Reshape", [last, shape], node.name)


def joined(converter, node):
    return converter.node("Concat", [converter.value(name) for name in node.inputs[:-1]], node.name, axis=1)


OPERATIONS = {
    "Const": weight,
    "Add": elementwise("Add"),
    "AddN": elementwise("Sum"),
    "BiasAdd": elementwise("Add"),
    "Mul": elementwise("Mul"),
    "Sub": elementwise("Sub"),
    "Relu6": relu6,
    "Conv2D": convolution,
    "DepthwiseConv2dNative": depthwise,
    "FusedBatchNorm": normalised,
    "Reshape": listed,
    "ConcatV2": joined,
}


def surest(converter):
    """The surest boxes: their indices as `chosen`, `[n, 100, 1]`, and what each is sure of as `sure`, `[n, 100, 80]`."""
    things = converter.node("Gather", [converter.value(LOGITS), converter.constant("things", THINGS)], "things_of_boxes", axis=2)
    best = converter.node("ReduceMax", [things, converter.constant("last_axis", np.array([2], np.int64))], "best", keepdims=0)
    converter.nodes.append(helper.make_node("TopK", [best, converter.constant("count", np.array([SUREST], np.int64))], ["_", "ranked"], axis=1))
    chosen = converter.node("Unsqueeze", ["ranked", "last_axis"], "chosen")
    logits = converter.node("GatherND", [things, chosen], "logits", batch_dims=1)
    return chosen, converter.node("Sigmoid", [logits], "sure")


def placed(converter, chosen):
    """Where the chosen boxes lie, `[n, 100, 4]`: each is moved and stretched from its anchor."""
    anchors = converter.graph.weights[ANCHORS].reshape(-1, 4)
    size = anchors[:, 2:] - anchors[:, :2]
    middle = anchors[:, :2] + size / 2
    told = converter.node("GatherND", [converter.value(PLACES), chosen], "told", batch_dims=1)
    scaled = converter.node("Mul", [told, converter.constant("units", UNITS)], "scaled")
    halves = converter.constant("halves", np.array([2, 2], np.int64))
    converter.nodes.append(helper.make_node("Split", [scaled, halves], ["moved", "stretched"], axis=2))
    own_size = converter.node("Gather", [converter.constant("sizes", size), "ranked"], "own_size", axis=0)
    own_middle = converter.node("Gather", [converter.constant("middles", middle), "ranked"], "own_middle", axis=0)
    shift = converter.node("Mul", ["moved", own_size], "shift")
    centre = converter.node("Add", [shift, own_middle], "centre")
    grown = converter.node("Mul", [converter.node("Exp", ["stretched"], "growth"), own_size], "grown")
    half = converter.node("Mul", [grown, converter.constant("half", np.float32(0.5))], "half_size")
    corners = [converter.node("Sub", [centre, half], "top_left"), converter.node("Add", [centre, half], "bottom_right")]
    return converter.node("Concat", corners, "corners", axis=2)


def build(graph):
    converter = Converter(graph)
    before = [
        helper.make_node("Cast", ["image"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["floats"], ["picture"], perm=[0, 3, 1, 2]),
    ]
    chosen, sure = surest(converter)
    both = converter.node("Concat", [placed(converter, chosen), sure], "both", axis=2)
    converter.node("Reshape", [both, converter.constant("flat", np.array([0, -1], np.int64))], "boxes")
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", SIDE_PX, SIDE_PX, 3])
    boxes = helper.make_tensor_value_info("boxes", TensorProto.FLOAT, ["n", SUREST * (4 + len(THINGS))])
    made = helper.make_graph([*before, *converter.nodes], "coco-ssd", [image], [boxes], list(converter.constants.values()))
    opset = [helper.make_opsetid("", 18)]
    return helper.make_model(made, opset_imports=opset, ir_version=9, producer_name="tagfleet")


def main(model_path, *rest):
    *shards, onnx_path = rest
    save(build(read_graph(model_path, shards)), onnx_path)


if __name__ == "__main__":
    main(*sys.argv[1:])
