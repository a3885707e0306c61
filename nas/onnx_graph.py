"""A module as an ONNX graph, as runtimes take it: in evaluation mode, batch norms folded into their convolutions."""

import io
import warnings
from collections.abc import Sequence

import torch
from torch import nn

OPSET = 17  # what runtimes of 2022 and later read

INPUT, OUTPUT = "images", "scores"


def to_onnx(module: nn.Module, shape: Sequence[int], *, dynamic_batch: bool = False) -> bytes:
    """The graph of ``module`` for inputs [1, *shape], fp32; with ``dynamic_batch`` [N, *shape]. The module is left in
    the mode it was in.

    By torch's TorchScript exporter: 35 ms a block, where the newer one takes more than a second, and a latency table
    has thousands.
    """
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
                file,  # type: ignore[arg-type]  # its annotation forgets files
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_axes=axes,
                opset_version=OPSET,
                dynamo=False,
            )
    finally:
        module.train(before)
    return file.getvalue()
