"""The arithmetic that a recipe names, as a context to compute in."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch

from nas.fast_layers import FastLayers
from nas.recipe import Precision


@contextmanager
def computing(precision: Precision, device: torch.device) -> Iterator[None]:
    """Compute what is inside by ``precision``: for bf16, autocast, and on a CPU the layers that are fast with it.

    Parameters, their gradients and the optimiser stay fp32.
    """
    with ExitStack() as stack:
        if precision == "bf16":
            stack.enter_context(torch.autocast(device.type, torch.bfloat16))
            if device.type == "cpu":
                stack.enter_context(FastLayers())
        yield
