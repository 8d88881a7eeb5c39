"""PP-OCRv4's finder of text as a map of lines: `ppocr_lines.py det.onnx model.onnx`.

In: `image`, uint8 `[n, 1280, 1280, 3]`, RGB. Out: `map`, float32 `[n, 640 * 640]`: how likely each square of two by two pixels lies
in a line of text, row by row.

The network sees half the size: it finds lines whose letters are five pixels high, and costs a quarter. What is read is cut out of
the whole picture.
"""

import sys

import onnx
from nodes import save
from onnx import TensorProto, helper
from ppocr_text import Wrapper, before

SIDE_PX = 1280
SHRUNK = 2


def wrap(model):
    graph = model.graph
    [network_input], [network_output] = graph.input, graph.output
    first, last = Wrapper(), Wrapper()
    before(first, "full_size")
    first.node("AveragePool", ["full_size"], network_input.name, kernel_shape=[SHRUNK, SHRUNK], strides=[SHRUNK, SHRUNK])
    last.node("Flatten", [network_output.name], "map", axis=1)
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", SIDE_PX, SIDE_PX, 3])
    squares = helper.make_tensor_value_info("map", TensorProto.FLOAT, ["n", (SIDE_PX // SHRUNK) ** 2])
    constants = [*graph.initializer, *first.constants.values(), *last.constants.values()]
    wrapped = helper.make_graph([*first.nodes, *graph.node, *last.nodes], "ppocr-lines", [image], [squares], constants)
    # Its own operator version: converting it would change more than is gained.
    return helper.make_model(wrapped, opset_imports=model.opset_import, ir_version=model.ir_version, producer_name="tagfleet")


def main(network_path, model_path):
    save(wrap(onnx.load(network_path)), model_path)


if __name__ == "__main__":
    main(*sys.argv[1:])
