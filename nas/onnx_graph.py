"""A module as an ONNX graph, as runtimes take it: in evaluation mode, batch norms folded into their convolutions."""

import io
import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.onnx import register_custom_op_symbolic as register  # type: ignore[attr-defined]  # public all the same
from torch.onnx import symbolic_helper

OPSET = 17  # what runtimes of 2022 and later read

INPUT, OUTPUT = "images", "scores"


def to_onnx(module: nn.Module, shape: Sequence[int], *, dynamic_batch: bool = False) -> bytes:
    """The graph of ``module`` for inputs [1, *shape], fp32; with ``dynamic_batch`` [N, *shape]. The module is left in
    the mode it was in.

    By torch's TorchScript exporter: 35 ms a block, where the newer one takes more than a second, and a latency table
    has thousands.
    """
    register("aten::_upsample_bilinear2d_aa", _resized, OPSET)
    images = torch.zeros(1, *shape)
    axes = {INPUT: {0: "batch"}, OUTPUT: {0: "batch"}} if dynamic_batch else None
    file = io.BytesIO()
    before = module.training
    module.eval()
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore", DeprecationWarning)  # of the exporter itself, by torch
            torch.onnx.export(
                module,
                (images,),
                file,  # type: ignore[arg-type]  # the older exporter takes it
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_axes=axes,
                opset_version=OPSET,
                dynamo=False,
            )
    finally:
        module.train(before)
    return file.getvalue()


def _resized(graph: Any, images: Any, size: Any, *_: Any) -> Any:
    """Bilinear, antialiased resizing, which this opset has no operator for, as what it is: rows · image · columns."""
    height, width = images.type().varyingSizes()[-2:]  # of which a dynamic batch's first is None
    rows, columns = symbolic_helper._get_const(size, "is", "size")  # type: ignore[no-untyped-call]
    product = graph.op("MatMul", _constant(graph, _weights(height, rows)), images)
    return graph.op("MatMul", product, _constant(graph, _weights(width, columns).T.contiguous()))


def _constant(graph: Any, values: Tensor) -> Any:
    return graph.op("Constant", value_t=values)


def _weights(before: int, after: int) -> Tensor:
    """How much each of ``before`` pixels in a row counts for each new one: [after, before]."""
    one_hot = torch.eye(before).view(1, 1, before, before)
    return F.interpolate(one_hot, size=(after, before), mode="bilinear", antialias=True).view(after, before)
