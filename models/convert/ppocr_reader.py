"""PP-OCRv6's reader of lines: `ppocr_reader.py rec.onnx model.onnx alphabet.json`.

In: `image`, uint8 `[n, 48, 320, 3]`, RGB: a piece of a line. Out: `steps`, float32 `[n, 80]`: for each of 40 steps from left to
right the number of the likeliest symbol, and behind them for each step how likely that is. Symbol 0 stands for none.

What else the network says of its 18,710 symbols stays in the graph: 3 MB a piece that nobody reads.
"""

import json
import sys

import numpy as np
import onnx
from nodes import Nodes, save
from onnx import TensorProto, helper

HEIGHT_PX, WIDTH_PX = 48, 320
STEPS = 40
BGR = np.array([2, 1, 0], np.int64)


def before(nodes, network_input):
    """Bytes → -1 to 1, blue first."""
    nodes.node("Cast", ["image"], "floats", to=TensorProto.FLOAT)
    nodes.node("Gather", ["floats", nodes.constant("bgr", BGR)], "blue_first", axis=3)
    nodes.node("Div", ["blue_first", nodes.constant("half", np.float32(127.5))], "up_to_two")
    nodes.node("Sub", ["up_to_two", nodes.constant("middle", np.float32(1))], "centred")
    nodes.node("Transpose", ["centred"], network_input, perm=[0, 3, 1, 2])


def after(nodes, network_output):
    nodes.node("ArgMax", [network_output], "symbol", axis=2, keepdims=0)
    nodes.node("Cast", ["symbol"], "symbol_as_float", to=TensorProto.FLOAT)
    nodes.node("ReduceMax", [network_output], "probability", axes=[2], keepdims=0)
    nodes.node("Concat", ["symbol_as_float", "probability"], "steps", axis=1)


def wrap(model):
    graph = model.graph
    [network_input], [network_output] = graph.input, graph.output
    first, last = Nodes(), Nodes()
    before(first, network_input.name)
    after(last, network_output.name)
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", HEIGHT_PX, WIDTH_PX, 3])
    steps = helper.make_tensor_value_info("steps", TensorProto.FLOAT, ["n", 2 * STEPS])
    constants = [*graph.initializer, *first.constants.values(), *last.constants.values()]
    wrapped = helper.make_graph([*first.nodes, *graph.node, *last.nodes], "ppocr-reader", [image], [steps], constants)
    return helper.make_model(wrapped, opset_imports=model.opset_import, ir_version=model.ir_version, producer_name="tagfleet")


def alphabet(model):
    """What each number stands for: none, the characters that the file lists, and a space."""
    [characters] = [entry.value.split("\n") for entry in model.metadata_props if entry.key == "character"]
    return {"version": 1, "symbols": ["", *characters, " "]}


def main(network_path, model_path, alphabet_path):
    model = onnx.load(network_path)
    save(wrap(model), model_path)
    with open(alphabet_path, "w", encoding="utf-8") as file:
        json.dump(alphabet(model), file, ensure_ascii=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
