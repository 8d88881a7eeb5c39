"""Reads a TensorFlow Lite model without TensorFlow: its operations in order, and its constants as arrays."""

import pathlib
from dataclasses import dataclass

import numpy as np
import tflite

TYPES = {tflite.TensorType.FLOAT32: np.float32, tflite.TensorType.FLOAT16: np.float16, tflite.TensorType.INT32: np.int32}
NAMES = {number: name for name, number in vars(tflite.BuiltinOperator).items() if isinstance(number, int)}


@dataclass(frozen=True)
class Operation:
    op: str
    inputs: tuple[int, ...]
    output: int
    options: object


@dataclass(frozen=True)
class Graph:
    """Tensors go by their numbers in the file."""

    operations: tuple[Operation, ...]
    constants: dict[int, np.ndarray]
    shapes: dict[int, tuple[int, ...]]
    input: int
    outputs: tuple[int, ...]


def read_graph(path):
    model = tflite.Model.GetRootAs(pathlib.Path(path).read_bytes(), 0)
    graph = model.Subgraphs(0)
    tensors = [graph.Tensors(number) for number in range(graph.TensorsLength())]
    constants = {number: array for number, tensor in enumerate(tensors) if (array := _constant(model, tensor)) is not None}
    shapes = {number: tuple(tensor.ShapeAsNumpy().tolist()) for number, tensor in enumerate(tensors) if tensor.ShapeLength()}
    operations = tuple(_operation(model, graph.Operators(number)) for number in range(graph.OperatorsLength()))
    # In 16 bits the file is half as large; the operation that widens them is a constant as well.
    for operation in operations:
        if operation.op == "DEQUANTIZE":
            constants[operation.output] = constants[operation.inputs[0]].astype(np.float32)
    others = tuple(operation for operation in operations if operation.op != "DEQUANTIZE")
    return Graph(others, constants, shapes, graph.Inputs(0), tuple(graph.OutputsAsNumpy().tolist()))


def _constant(model, tensor):
    """Nothing where a tensor is worked out."""
    data = model.Buffers(tensor.Buffer()).DataAsNumpy()
    if isinstance(data, int) or len(data) == 0:
        return None
    return np.frombuffer(data.tobytes(), TYPES[tensor.Type()]).reshape(tensor.ShapeAsNumpy())


def _operation(model, operator):
    code = model.OperatorCodes(operator.OpcodeIndex())
    name = NAMES[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
    inputs = tuple(number for number in operator.InputsAsNumpy().tolist() if number >= 0)
    return Operation(name, inputs, operator.Outputs(0), _options(operator, name))


# Options are read of each operation whose outcome they change; the table in the file that holds them is named.
OPTIONS = {
    "ADD": tflite.AddOptions,
    "CONV_2D": tflite.Conv2DOptions,
    "DEPTHWISE_CONV_2D": tflite.DepthwiseConv2DOptions,
    "MAX_POOL_2D": tflite.Pool2DOptions,
    "RESIZE_BILINEAR": tflite.ResizeBilinearOptions,
}


def _options(operator, name):
    if name not in OPTIONS:
        return None
    options, table = OPTIONS[name](), operator.BuiltinOptions()
    options.Init(table.Bytes, table.Pos)
    return options
