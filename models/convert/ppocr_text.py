"""PP-OCRv4's finder of text as a tagger of two labels: `ppocr_text.py det.onnx model.onnx`.

In: `image`, uint8 `[n, 320, 320, 3]`, RGB. Out: `scores`, float32 `[n, 2]`: how likely there is text in the picture, and how likely
the picture is a page of it.

The network says of each pixel whether it lies in a line of text. It takes a thing that stands alone for one line, too. So what
counts is how many lines there are, one above the other, and how thick they are: things are one line and thick, pages several thin
ones. Lines too fine for a tile are stripes of grey on a light ground without colour, and that is told by the pixels alone.
"""

import sys

import numpy as np
import onnx
from nodes import Nodes, save
from onnx import TensorProto, helper

SIDE_PX = 320
MEAN_BGR = np.array([0.485, 0.456, 0.406], np.float32)
DEVIATION_BGR = np.array([0.229, 0.224, 0.225], np.float32)
BGR = np.array([2, 1, 0], np.int64)
# A pixel is of a line from here on.
IN_A_LINE = 0.3
# Where each measure is as likely as not, and how fast it gets surer beyond.
SOME_LINES, TEXT_LINES, PAGE_LINES = (0.5, 12.0), (1.07, 10.0), (2.0, 4.0)
THICK_PX = (10.0, -2.0)
# Fine print is known by the share of pixels that are another grey than those below them, the share that is light, and how much colour.
FINE, LIGHT, COLOUR = (0.15, 30.0), (0.65, 20.0), (0.12, -40.0)
ANOTHER_GREY, A_LIGHT_GREY = 24.0, 180.0


class Wrapper(Nodes):
    """Channels last until the network."""

    def number(self, name, value):
        return self.constant(name, np.float32(value))

    def likely(self, measure, rule, name):
        middle, steepness = rule
        beyond = self.node("Sub", [measure, self.number(f"{name}/middle", middle)], f"{name}/beyond")
        return self.node("Sigmoid", [self.node("Mul", [beyond, self.number(f"{name}/steepness", steepness)], f"{name}/logit")], name)

    def above(self, value, bound, name):
        is_above = self.node("Greater", [value, self.number(f"{name}/bound", bound)], f"{name}/is")
        return self.node("Cast", [is_above], name, to=TensorProto.FLOAT)

    def share(self, flags, name):
        return self.node("ReduceMean", [flags], name, axes=[1, 2], keepdims=0)

    def below_minus_above(self, value, axis, name):
        """What each row has more than the one above it."""
        ends = [self.constant(f"{name}/{key}", np.array([at], np.int64)) for key, at in (("one", 1), ("last", np.iinfo(np.int64).max), ("axis", axis))]
        first = self.constant(f"{name}/first", np.array([0], np.int64))
        until = self.constant(f"{name}/until", np.array([-1], np.int64))
        below = self.node("Slice", [value, *ends], f"{name}/below")
        above = self.node("Slice", [value, first, until, ends[2]], f"{name}/above")
        return self.node("Abs", [self.node("Sub", [below, above], f"{name}/step")], name)


def before(wrapper, network_input):
    """Bytes → what the network takes."""
    wrapper.node("Cast", ["image"], "floats", to=TensorProto.FLOAT)
    wrapper.node("Gather", ["floats", wrapper.constant("bgr", BGR)], "blue_first", axis=3)
    wrapper.node("Sub", ["blue_first", wrapper.constant("mean", 255 * MEAN_BGR)], "centred")
    wrapper.node("Div", ["centred", wrapper.constant("deviation", 255 * DEVIATION_BGR)], "scaled")
    wrapper.node("Transpose", ["scaled"], network_input, perm=[0, 3, 1, 2])


def lines(wrapper, network_output):
    """How many lines there are, one above the other, in the middle over all columns; and how thick they are."""
    flags = wrapper.above(network_output, IN_A_LINE, "in_a_line")
    # The rim belongs to none, so that each line begins and ends.
    pads = wrapper.constant("rim", np.array([0, 0, 1, 0, 0, 0, 1, 0], np.int64))
    rimmed = wrapper.node("Pad", [flags, pads], "rimmed")
    edges = wrapper.below_minus_above(rimmed, 2, "edges")
    total = wrapper.node("ReduceSum", [edges], "edges_in_all", axes=[1, 2, 3], keepdims=0)
    count = wrapper.node("Div", [total, wrapper.number("edges_a_line", 2 * SIDE_PX)], "lines")
    area = wrapper.node("ReduceMean", [flags], "area", axes=[1, 2, 3], keepdims=0)
    pixels = wrapper.node("Mul", [area, wrapper.number("rows", SIDE_PX)], "pixels_a_column")
    # Where there is no line, there is no thickness either.
    some = wrapper.node("Max", [count, wrapper.number("hardly", 1e-3)], "some_lines")
    return count, wrapper.node("Div", [pixels, some], "thickness")


def fine_print(wrapper):
    grey = wrapper.node("ReduceMean", ["floats"], "grey", axes=[3], keepdims=0)
    other = wrapper.above(wrapper.below_minus_above(grey, 1, "grey_steps"), ANOTHER_GREY, "other_grey")
    light = wrapper.above(grey, A_LIGHT_GREY, "light")
    most = wrapper.node("ReduceMax", ["floats"], "most", axes=[3], keepdims=0)
    least = wrapper.node("ReduceMin", ["floats"], "least", axes=[3], keepdims=0)
    range_ = wrapper.node("Sub", [most, least], "range")
    colour = wrapper.node("Div", [range_, wrapper.number("white", 255)], "colour")
    shares = [
        wrapper.likely(wrapper.share(other, "other_share"), FINE, "is_fine"),
        wrapper.likely(wrapper.share(light, "light_share"), LIGHT, "is_light"),
        wrapper.likely(wrapper.share(colour, "colour_share"), COLOUR, "is_grey"),
    ]
    return wrapper.node("Mul", [wrapper.node("Mul", shares[:2], "fine_and_light"), shares[2]], "fine_print")


def after(wrapper, network_output):
    count, thickness = lines(wrapper, network_output)
    fine = fine_print(wrapper)
    some_and_thin = [wrapper.likely(count, SOME_LINES, "has_some_lines"), wrapper.likely(thickness, THICK_PX, "is_thin")]
    few = wrapper.node("Mul", some_and_thin, "has_thin_lines")
    labels = [
        wrapper.node("Max", [wrapper.likely(count, TEXT_LINES, "has_lines"), few, fine], "text"),
        wrapper.node("Max", [wrapper.likely(count, PAGE_LINES, "has_many_lines"), fine], "page"),
    ]
    columns = [wrapper.node("Unsqueeze", [label], f"{label}/column", axes=[1]) for label in labels]
    wrapper.node("Concat", columns, "scores", axis=1)


def wrap(model):
    graph = model.graph
    [network_input], [network_output] = graph.input, graph.output
    first, last = Wrapper(), Wrapper()
    before(first, network_input.name)
    after(last, network_output.name)
    constants = [*graph.initializer, *first.constants.values(), *last.constants.values()]
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", SIDE_PX, SIDE_PX, 3])
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 2])
    wrapped = helper.make_graph([*first.nodes, *graph.node, *last.nodes], "ppocr-text", [image], [scores], constants)
    # Its own operator version: converting it would change more than is gained.
    return helper.make_model(wrapped, opset_imports=model.opset_import, ir_version=model.ir_version, producer_name="tagfleet")


def main(network_path, model_path):
    save(wrap(onnx.load(network_path)), model_path)


if __name__ == "__main__":
    main(*sys.argv[1:])
