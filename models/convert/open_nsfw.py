"""Yahoo's Open-NSFW as a tagger of one label: `open_nsfw.py open-nsfw.onnx model.onnx`.

In: `image`, uint8 `[n, 224, 224, 3]`, RGB. Out: `scores`, float32 `[n, 1]`. The network answers with a softmax over
two classes, (safe, not safe); the softmax of two is the sigmoid of their difference, so its second column alone is what
a sigmoid over one label gives, and the first says nothing more.
"""

import sys

import numpy as np
import onnx
from nodes import save
from onnx import TensorProto, helper, numpy_helper

SIDE_PX = 224
# The network was trained by Caffe: blue first, and the mean of its photos taken off.
BGR = np.array([2, 1, 0], np.int64)
MEAN_BGR = np.array([104, 117, 123], np.float32)
NOT_SAFE = 1


def before(network_input):
    """Bytes → what the network takes."""
    return [
        helper.make_node("Cast", ["image"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Gather", ["floats", "bgr"], ["blue_first"], axis=3),
        helper.make_node("Sub", ["blue_first", "mean"], [network_input]),
    ]


def after(network_output):
    return [helper.make_node("Slice", [network_output], ["scores"], axes=[1], starts=[NOT_SAFE], ends=[NOT_SAFE + 1])]


def wrap(model):
    graph = model.graph
    [network_input], [network_output] = graph.input, graph.output
    nodes = [*before(network_input.name), *graph.node, *after(network_output.name)]
    constants = [*graph.initializer, numpy_helper.from_array(BGR, "bgr"), numpy_helper.from_array(MEAN_BGR, "mean")]
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", SIDE_PX, SIDE_PX, 3])
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 1])
    wrapped = helper.make_graph(nodes, "open-nsfw", [image], [scores], constants)
    # Its own operator version: converting it would change more than is gained.
    return helper.make_model(wrapped, opset_imports=model.opset_import, ir_version=model.ir_version, producer_name="tagfleet")


def main(network_path, model_path):
    save(wrap(onnx.load(network_path)), model_path)


if __name__ == "__main__":
    main(*sys.argv[1:])
