"""EfficientNet-lite weights → ONNX graph in half precision, for GPUs: `half.py lite0 weights.pth model.onnx`.

In and out are as in efficientnet.py. The sums of the classifier and the softmax stay in single precision: they cost
nothing, and a thousand small scores would lose their last digits.
"""

import sys

import numpy as np
from onnx import TensorProto

from efficientnet import GraphWriter, build
from nodes import save
from torch_weights import read_tensors


class HalfWriter(GraphWriter):
    exact = False

    def constant(self, name, value):
        return super().constant(name, value if self.exact else np.asarray(value, np.float16))

    def cast(self, name):
        self.node("Cast", name, to=TensorProto.FLOAT if self.exact else TensorProto.FLOAT16)

    def classify(self):
        self.exact = True
        self.cast("filtered")
        super().classify()


def main(name, weights_path, model_path):
    save(build(name, read_tensors(weights_path), HalfWriter), model_path)


if __name__ == "__main__":
    main(*sys.argv[1:])
