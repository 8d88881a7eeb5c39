"""Tesseract's reader of Korean as a graph: `tesseract_hangul.py Hangul.traineddata model.onnx alphabet.json`.

In: `image`, uint8 `[n, 48, 480, 3]`, RGB: a piece of a line. Out: `steps`, float32 `[n, 320]`: for each of 160 steps from left to
right the number of the likeliest symbol, and behind them for each step how likely that is. Symbol 0 stands for none.

Where Tesseract counts in bytes, the graph counts in floats. Tesseract takes a line's ink and ground from its middle row; here the
darkest and the lightest pixel are those, and light letters on a dark ground are turned round. It writes a syllable as its three
letters. Those are symbols here, and whoever puts a line together composes them.
"""

import json
import sys

import numpy as np
from nodes import Nodes, save
from onnx import TensorProto, helper
from tesseract_network import read

HEIGHT_PX, WIDTH_PX = 48, 480
POOLED = 3
STEPS = WIDTH_PX // POOLED
# A range of greys that is smaller is noise.
LEAST_RANGE = 32
FIRST_SYLLABLE, LEADING, VOWELS, TRAILING = 0xAC00, 0x1100, 0x1161, 0x11A7
TRAILS, VOWELS_AND_TRAILS = 28, 588


def before(nodes):
    """Bytes → -1 for ink to 1 for ground, `[n, 1, height, width]`."""
    nodes.node("Cast", ["image"], "floats", to=TensorProto.FLOAT)
    nodes.node("ReduceMean", ["floats"], "grey", axes=[3], keepdims=0)
    nodes.node("ReduceMin", ["grey"], "darkest", axes=[1, 2], keepdims=1)
    nodes.node("ReduceMax", ["grey"], "lightest", axes=[1, 2], keepdims=1)
    nodes.node("Sub", ["lightest", "darkest"], "range")
    nodes.node("Max", ["range", nodes.constant("least_range", np.float32(LEAST_RANGE))], "some_range")
    nodes.node("Mul", ["some_range", nodes.constant("half", np.float32(0.5))], "contrast")
    nodes.node("Sub", ["grey", "darkest"], "light")
    nodes.node("Div", ["light", "contrast"], "up_to_two")
    nodes.node("Sub", ["up_to_two", nodes.constant("middle", np.float32(1))], "centred")
    nodes.node("ReduceMean", ["centred"], "mean", axes=[1, 2], keepdims=1)
    nodes.node("Sign", ["mean"], "ground")
    nodes.node("Mul", ["centred", "ground"], "dark_on_light")
    return nodes.node("Unsqueeze", ["dark_on_light"], "plane", axes=[1])


def convolve(nodes, given, series):
    """A convolution is written as a window, column by column, and a layer that is given all of it."""
    window, layer = series.layers
    [weights] = layer.weights
    across, down = [2 * half + 1 for half in window.steps]
    kernel = weights[:, :-1].reshape(layer.outputs, across, down, window.inputs).transpose(0, 3, 2, 1)
    inputs = [given, nodes.constant("kernel", kernel), nodes.constant("kernel_bias", weights[:, -1])]
    half_across, half_down = window.steps
    nodes.node("Conv", inputs, "convolved", pads=[half_down, half_across, half_down, half_across])
    return nodes.node("Tanh", ["convolved"], "edges")


def lstm(nodes, given, layer, name, direction="forward", output="Y"):
    """Tesseract's gates are the cell's input, and what lets it in, stay and out; ONNX's are in, out, stay, input."""
    enters, lets_in, stays, lets_out = layer.weights
    gates = [lets_in, lets_out, stays, enters]
    of_input = np.concatenate([gate[:, : layer.inputs] for gate in gates])[None]
    of_output = np.concatenate([gate[:, layer.inputs : -1] for gate in gates])[None]
    bias = np.concatenate([gate[:, -1] for gate in gates])
    bias = np.concatenate([bias, np.zeros_like(bias)])[None]
    constants = [nodes.constant(f"{name}/{key}", array) for key, array in (("input", of_input), ("output", of_output), ("bias", bias))]
    outputs = {"Y": [f"{name}/all"], "Y_h": ["", f"{name}/last"]}[output]
    node = helper.make_node("LSTM", [given, *constants], outputs, direction=direction, hidden_size=layer.outputs)
    nodes.nodes.append(node)
    return outputs[-1]


def along(nodes, given, layer, name, direction="forward"):
    """`[steps, n, inputs]` → `[steps, n, outputs]`"""
    told = lstm(nodes, given, layer, name, direction)
    return nodes.node("Squeeze", [told], name, axes=[1])


def columns(nodes, given, layer):
    """Sums each column up from the top to the bottom: `[n, channels, rows, steps]` → `[steps, n, outputs]`."""
    rows = HEIGHT_PX // POOLED
    nodes.node("Transpose", [given], "rows_first", perm=[2, 0, 3, 1])
    shape = nodes.constant("each_column", np.array([rows, -1, layer.inputs], np.int64))
    told = lstm(nodes, nodes.node("Reshape", ["rows_first", shape], "columns"), layer, "down", output="Y_h")
    shape = nodes.constant("each_picture", np.array([-1, STEPS, layer.outputs], np.int64))
    nodes.node("Reshape", [told, shape], "summed_up")
    return nodes.node("Transpose", ["summed_up"], "steps_first", perm=[1, 0, 2])


def after(nodes, given, layer, order):
    [weights] = layer.weights
    weights = weights[order]
    nodes.node("MatMul", [given, nodes.constant("symbols/weights", np.ascontiguousarray(weights[:, :-1].T))], "weighed")
    nodes.node("Add", ["weighed", nodes.constant("symbols/bias", weights[:, -1])], "logits")
    nodes.node("Softmax", ["logits"], "softmax", axis=2)
    nodes.node("Transpose", ["softmax"], "probabilities", perm=[1, 0, 2])
    nodes.node("ArgMax", ["probabilities"], "symbol", axis=2, keepdims=0)
    nodes.node("Cast", ["symbol"], "symbol_as_float", to=TensorProto.FLOAT)
    nodes.node("ReduceMax", ["probabilities"], "probability", axes=[2], keepdims=0)
    nodes.node("Concat", ["symbol_as_float", "probability"], "steps", axis=1)


def wrap(model):
    _input, convolution, pooling, down, forwards, backwards, last, output = model.network.layers
    nodes = Nodes()
    edges = convolve(nodes, before(nodes), convolution)
    sides = list(reversed(pooling.steps))
    pooled = nodes.node("MaxPool", [edges], "pooled", kernel_shape=sides, strides=sides)
    told = columns(nodes, pooled, down.layers[0])
    told = along(nodes, told, forwards, "forwards")
    told = along(nodes, told, backwards.layers[0], "backwards", "reverse")
    told = along(nodes, told, last, "again")
    after(nodes, told, output, order(model))
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", HEIGHT_PX, WIDTH_PX, 3])
    steps = helper.make_tensor_value_info("steps", TensorProto.FLOAT, ["n", 2 * STEPS])
    graph = helper.make_graph(nodes.nodes, "tesseract-hangul", [image], [steps], list(nodes.constants.values()))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 12)], ir_version=8, producer_name="tagfleet")


def order(model):
    """The codes as the graph numbers them: the one that stands for nothing comes first."""
    count = model.network.layers[-1].outputs
    return [model.nothing, *(code for code in range(count) if code != model.nothing)]


def letters(syllable):
    """The three letters of a syllable, for which Unicode has combining characters. The last one may be missing."""
    number = ord(syllable) - FIRST_SYLLABLE
    leading, rest = divmod(number, VOWELS_AND_TRAILS)
    vowel, trailing = divmod(rest, TRAILS)
    return chr(LEADING + leading), chr(VOWELS + vowel), chr(TRAILING + trailing) if trailing else ""


def alphabet(model):
    symbols = {model.nothing: ""}
    for character, codes in model.characters:
        if len(codes) == 3:
            written = letters(character)
        else:
            written = [" " if character == "NULL" else character]
        for code, text in zip(codes, written, strict=True):
            if symbols.setdefault(code, text) != text and code != model.nothing:
                raise ValueError(f"code {code} is both {symbols[code]!r} and {text!r}")
    return {"version": 1, "symbols": [symbols[code] for code in order(model)]}


def main(data_path, model_path, alphabet_path):
    with open(data_path, "rb") as file:
        model = read(file.read())
    save(wrap(model), model_path)
    with open(alphabet_path, "w", encoding="utf-8") as file:
        json.dump(alphabet(model), file, ensure_ascii=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
