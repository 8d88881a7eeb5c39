"""BlazeFace, full range: where faces are: `blazeface.py face_detection_full_range.tflite model.onnx`.

In: `image`, uint8 `[n, 192, 192, 3]`, RGB. Out: `boxes`, float32 `[n, 100 · 5]`: the 100 surest of 2,304 boxes, each as top,
left, bottom and right, in parts of the tile, and how sure it is that this is a face.
"""

import sys

import numpy as np
import tflite
from nodes import Nodes, save
from onnx import TensorProto, helper
from tflite_graph import read_graph

SIDE_PX = 192
# One box for each four pixels, in rows; it says how far its middle is from theirs.
CELLS = SIDE_PX // 4
SUREST = 100
# A box is told as the pixels of its middle and size; six points of the face follow.
TOLD = 4
# Beyond, a score is 0 or 1 to 32 bits.
CLIPPED = 100.0


class Converter(Nodes):
    """Pictures lie with their channels first, as ONNX has them."""

    def __init__(self, graph):
        super().__init__()
        self.graph = graph
        self.names = {graph.input: "picture"}

    def convert(self):
        for operation in self.graph.operations:
            emit = OPERATIONS.get(operation.op)
            if emit is None:
                raise SystemExit(f"{operation.op} is not converted")
            self.names[operation.output] = emit(self, operation, f"t{operation.output}")

    def activated(self, function, name):
        if function == tflite.ActivationFunctionType.NONE:
            return name
        if function != tflite.ActivationFunctionType.RELU:
            raise SystemExit(f"activation {function} is not converted")
        return self.node("Relu", [name], f"{name}/relu")


def convolution(converter, operation, name):
    """Out, height, width, in → out, in, height, width."""
    return convolve(converter, operation, name, converter.graph.constants[operation.inputs[1]].transpose(0, 3, 1, 2), groups=1)


def depthwise(converter, operation, name):
    """1, height, width, channels → channels, 1, height, width."""
    kernel = converter.graph.constants[operation.inputs[1]].transpose(3, 0, 1, 2)
    return convolve(converter, operation, name, kernel, groups=kernel.shape[0])


def convolve(converter, operation, name, kernel, groups):
    picture, _, bias = operation.inputs
    inputs = [
        converter.names[picture],
        converter.constant(f"{name}/kernel", kernel),
        converter.constant(f"{name}/bias", converter.graph.constants[bias]),
    ]
    converter.node("Conv", inputs, name, group=groups, kernel_shape=kernel.shape[2:], **window(operation.options))
    return converter.activated(operation.options.FusedActivationFunction(), name)


def window(options):
    """SAME leaves the odd pixel to the right and the bottom."""
    padding = "SAME_UPPER" if options.Padding() == tflite.Padding.SAME else "VALID"
    return {"strides": [options.StrideH(), options.StrideW()], "auto_pad": padding}


def pooled(converter, operation, name):
    options = operation.options
    kernel = [options.FilterHeight(), options.FilterWidth()]
    converter.node("MaxPool", [converter.names[operation.inputs[0]]], name, kernel_shape=kernel, **window(options))
    return converter.activated(options.FusedActivationFunction(), name)


def added(converter, operation, name):
    converter.node("Add", [converter.names[number] for number in operation.inputs], name)
    return converter.activated(operation.options.FusedActivationFunction(), name)


def relu(converter, operation, name):
    return converter.node("Relu", [converter.names[operation.inputs[0]]], name)


def padded(converter, operation, name):
    """Rows of before and after, for number, height, width and channels."""
    number, height, width, channels = converter.graph.constants[operation.inputs[1]].tolist()
    before, after = zip(number, channels, height, width, strict=True)
    pads = converter.constant(f"{name}/pads", np.array([*before, *after], np.int64))
    return converter.node("Pad", [converter.names[operation.inputs[0]], pads], name)


def resized(converter, operation, name):
    if operation.options.AlignCorners() or not operation.options.HalfPixelCenters():
        raise SystemExit(f"{operation.op} is converted for half pixel centres alone")
    before, after = (converter.graph.shapes[number] for number in (operation.inputs[0], operation.output))
    _, height, width, _ = np.array(after) / np.array(before)
    scales = converter.constant(f"{name}/scales", np.array([1, 1, height, width], np.float32))
    inputs = [converter.names[operation.inputs[0]], "", scales]
    return converter.node("Resize", inputs, name, mode="linear", coordinate_transformation_mode="half_pixel")


def listed(converter, operation, name):
    """What is told of each place becomes a list: `[n, places, values]`."""
    values = converter.graph.shapes[operation.output][-1]
    last = converter.node("Transpose", [converter.names[operation.inputs[0]]], f"{name}/last", perm=[0, 2, 3, 1])
    shape = converter.constant(f"{name}/shape", np.array([0, -1, values], np.int64))
    return converter.node("Reshape", [last, shape], name)


OPERATIONS = {
    "ADD": added,
    "CONV_2D": convolution,
    "DEPTHWISE_CONV_2D": depthwise,
    "MAX_POOL_2D": pooled,
    "PAD": padded,
    "RELU": relu,
    "RESHAPE": listed,
    "RESIZE_BILINEAR": resized,
}


def middles():
    """Where the boxes' places lie: middle across and down, in parts of the tile."""
    across = (np.arange(CELLS, dtype=np.float32) + 0.5) / CELLS
    columns, rows = np.meshgrid(across, across)
    return np.stack([columns.ravel(), rows.ravel()], axis=1)


def surest(converter, scores):
    """The surest places: their numbers as `ranked`, `[n, 100]`, and how sure they are as `sure`, `[n, 100, 1]`."""
    flat = converter.node("Reshape", [scores, converter.constant("a_row", np.array([0, -1], np.int64))], "logits")
    count = converter.constant("count", np.array([SUREST], np.int64))
    converter.nodes.append(helper.make_node("TopK", [flat, count], ["best", "ranked"], axis=1))
    bounds = [converter.constant(f"clipped/{sign}", np.float32(sign * CLIPPED)) for sign in (-1, 1)]
    converter.node("Clip", ["best", *bounds], "clipped")
    converter.node("Sigmoid", ["clipped"], "likely")
    return converter.node("Unsqueeze", ["likely", converter.constant("last_axis", np.array([2], np.int64))], "sure")


def placed(converter, told):
    """Where the surest boxes lie, `[n, 100, 4]`."""
    chosen = converter.node("Unsqueeze", ["ranked", "last_axis"], "chosen")
    values = converter.node("GatherND", [told, chosen], "values", batch_dims=1)
    ends = [converter.constant(name, np.array([at], np.int64)) for name, at in (("first", 0), ("end", TOLD), ("axis", 2))]
    pixels = converter.node("Slice", [values, *ends], "pixels")
    parts = converter.node("Mul", [pixels, converter.constant("a_pixel", np.float32(1 / SIDE_PX))], "parts")
    halves = converter.constant("halves", np.array([2, 2], np.int64))
    converter.nodes.append(helper.make_node("Split", [parts, halves], ["moved", "size"], axis=2))
    own = converter.node("Gather", [converter.constant("middles", middles()), "ranked"], "own", axis=0)
    middle = converter.node("Add", ["moved", own], "middle")
    half = converter.node("Mul", ["size", converter.constant("half", np.float32(0.5))], "half_size")
    corners = [converter.node("Sub", [middle, half], "left_top"), converter.node("Add", [middle, half], "right_bottom")]
    across_first = converter.node("Concat", corners, "across_first", axis=2)
    # Down before across, as boxes are told to a worker.
    order = converter.constant("order", np.array([1, 0, 3, 2], np.int64))
    return converter.node("Gather", [across_first, order], "corners", axis=2)


def build(graph):
    converter = Converter(graph)
    converter.convert()
    told, scores = (converter.names[number] for number in graph.outputs)
    scale, offset = converter.constant("scale", np.float32(2 / 255)), converter.constant("offset", np.float32(1))
    before = [
        helper.make_node("Cast", ["image"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["floats", scale], ["scaled"]),
        helper.make_node("Sub", ["scaled", offset], ["centred"]),
        helper.make_node("Transpose", ["centred"], ["picture"], perm=[0, 3, 1, 2]),
    ]
    sure = surest(converter, scores)
    both = converter.node("Concat", [placed(converter, told), sure], "both", axis=2)
    converter.node("Reshape", [both, "a_row"], "boxes")
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", SIDE_PX, SIDE_PX, 3])
    boxes = helper.make_tensor_value_info("boxes", TensorProto.FLOAT, ["n", SUREST * (TOLD + 1)])
    made = helper.make_graph([*before, *converter.nodes], "blazeface", [image], [boxes], list(converter.constants.values()))
    opset = [helper.make_opsetid("", 18)]
    return helper.make_model(made, opset_imports=opset, ir_version=9, producer_name="tagfleet")


def main(tflite_path, onnx_path):
    save(build(read_graph(tflite_path)), onnx_path)


if __name__ == "__main__":
    main(*sys.argv[1:])
