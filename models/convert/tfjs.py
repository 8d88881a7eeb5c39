"""Reads a TensorFlow.js graph model without TensorFlow: its nodes by name, and its weights as arrays."""

import json
import pathlib
from dataclasses import dataclass

import numpy as np

BYTES = {"float32": 4, "int32": 4}


@dataclass(frozen=True)
class Node:
    name: str
    op: str
    inputs: tuple[str, ...]
    attributes: dict

    def numbers(self, name):
        """An attribute that is a list of numbers: they are written as text."""
        return [int(number) for number in self.attributes[name]["list"]["i"]]

    def text(self, name):
        """An attribute that is text: it is written as a list of bytes."""
        return bytes(self.attributes[name]["s"]).decode()


@dataclass(frozen=True)
class Graph:
    nodes: dict[str, Node]
    weights: dict[str, np.ndarray]


def read_graph(model_path, shard_paths):
    """`shard_paths`: the files of weights, in their order."""
    model = json.loads(pathlib.Path(model_path).read_text())
    nodes = {node["name"]: _node(node) for node in model["modelTopology"]["node"]}
    [group] = model["weightsManifest"]
    if len(group["paths"]) != len(shard_paths):
        raise SystemExit(f"{model_path} names {len(group['paths'])} files of weights, and {len(shard_paths)} are given")
    data = b"".join(pathlib.Path(path).read_bytes() for path in shard_paths)
    return Graph(nodes, dict(_weights(group["weights"], data)))


def _node(node):
    # A control input (`^name`) carries no value.
    inputs = tuple(name for name in node.get("input", ()) if not name.startswith("^"))
    return Node(node["name"], node["op"], inputs, node.get("attr", {}))


def _weights(described, data):
    """One after the other, without a gap."""
    start = 0
    for weight in described:
        if "quantization" in weight:
            raise SystemExit(f"{weight['name']} is quantised, which is not read here")
        count = int(np.prod(weight["shape"], dtype=np.int64))
        end = start + count * BYTES[weight["dtype"]]
        yield weight["name"], np.frombuffer(data[start:end], weight["dtype"]).reshape(weight["shape"])
        start = end
    if start != len(data):
        raise SystemExit(f"{len(data) - start} bytes of weights belong to nothing")
