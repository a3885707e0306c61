"""How large a network's file is, in closed form: an upper bound for its ONNX file, weights and graph."""

from typing import Literal

from nas.blocks import Cost

SizeAt = Literal["fp32", "fp16", "int8"]

# bytes of graph an operator: names, attributes, shapes, and the running statistics of norms that cannot be folded; at
# int8 also the nodes that quantise and the scales and zero points of each channel. Larger than any of the published
# networks needs (tests/nas/test_size.py), so that a size that fits does so as a file
GRAPH = {"fp32": 384, "fp16": 512, "int8": 2560}
FILE = 8192  # bytes of every file: names of inputs and outputs, and what normalises and resizes images


def file_bytes(cost: Cost, at: SizeAt = "fp32") -> int:
    """Bytes of the ONNX file: 4 or 2 a parameter; at int8 1 for those of convolution and linear kernels and 4 for the
    others, which become biases (int32) and scales (fp32)."""
    if at == "int8":
        weights = cost.kernels + 4 * (cost.params - cost.kernels)
    else:
        weights = (4 if at == "fp32" else 2) * cost.params
    return weights + GRAPH[at] * cost.operators + FILE
