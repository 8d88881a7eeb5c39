"""What the converters write a graph with."""

import numpy as np
import onnx
from onnx import helper, numpy_helper


class Nodes:
    """Collects a graph's nodes, one behind the other, and its constants."""

    def __init__(self):
        self.nodes = []
        self.constants = {}

    def constant(self, name, array):
        self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(array), name)
        return name

    def node(self, op, inputs, name, **attributes):
        self.nodes.append(helper.make_node(op, inputs, [name], **attributes))
        return name


def save(model, model_path):
    onnx.checker.check_model(model, full_check=True)
    with open(model_path, "wb") as file:
        file.write(model.SerializeToString(deterministic=True))
