"""bf16 layers that are fast on a CPU, in plain PyTorch: torch's own results to rounding, other ways to them.

As torch ships (2.11 to 2.15), bf16 training of these networks on a CPU is no faster than fp32: oneDNN's backward pass
of a depthwise convolution falls to a generic kernel, 10 to 100 times slower, for the images' gradient at stride 2 and
for the weights' gradient of kernels above 3×3. Figures: docs/performance.md, ``python -m benchmarks.throughput``.
"""

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

SMALL_MAP = 64  # pixels of a feature map up to which matrix products beat convolutions

_backward = torch.ops.aten.convolution_backward


class FastLayers(TorchFunctionMode):
    """While entered, ``conv2d`` and global average pooling take the fast way where there is one.

    For bf16 on a CPU (inputs are cast under autocast, as autocast itself would). Networks need no change, and what is
    not recognised is left to torch.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is torch.conv2d and not kwargs and len(args) == 7:
            fast = _fast_conv2d(*args)
            if fast is not None:
                return fast
        if func is F.adaptive_avg_pool2d and not kwargs and args[1] in (1, (1, 1)) and args[0].ndim == 4:
            return _GlobalAverage.apply(args[0])
        return func(*args, **kwargs)


def _fast_conv2d(
    images: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: tuple[int, int],
    padding: tuple[int, int] | str,
    dilation: tuple[int, int],
    groups: int,
) -> Tensor | None:
    """The convolution, or None where torch's own way is as good."""
    if images.ndim != 4 or dilation != (1, 1) or isinstance(padding, str):
        return None
    channels, kernel = images.shape[1], weight.shape[2]
    if torch.is_autocast_enabled("cpu"):
        images = images.to(torch.bfloat16)
    if kernel == weight.shape[3] == 1 and groups == 1 and stride == (1, 1) and padding == (0, 0):
        if images.shape[2] * images.shape[3] > SMALL_MAP:
            return None
        # in channels_last both permutations are views
        return F.linear(images.permute(0, 2, 3, 1), weight.flatten(1), bias).permute(0, 3, 1, 2)
    depthwise = groups == channels == weight.shape[0] > 1
    square = kernel == weight.shape[3] in (3, 5, 7) and stride in ((1, 1), (2, 2))
    if depthwise and square and padding == (kernel // 2, kernel // 2) and torch.is_grad_enabled():
        out: Tensor = _Depthwise.apply(images, weight, stride[0])
        return out if bias is None else out + bias.to(out.dtype).view(1, -1, 1, 1)
    return None


class _Depthwise(torch.autograd.Function):
    """Depthwise k×k convolution, k odd, padding k//2, stride 1 or 2: images [N, C, H, W], weight [C, 1, k, k].

    The weight keeps its own type, fp32, and so does its gradient; the rest is computed in the images' type.
    """

    @staticmethod
    def forward(ctx: Any, images: Tensor, weight: Tensor, stride: int) -> Tensor:
        cast = weight.to(images.dtype)
        ctx.save_for_backward(images, cast)
        ctx.stride, ctx.weight_type = stride, weight.dtype
        return F.conv2d(images, cast, None, stride, weight.shape[2] // 2, 1, images.shape[1])

    @staticmethod
    def backward(ctx: FunctionCtx, *grads: Any) -> tuple[Tensor | None, Tensor | None, None]:
        images, weight = ctx.saved_tensors  # type: ignore[attr-defined]
        stride: int = ctx.stride  # type: ignore[attr-defined]
        grad = grads[0].contiguous(memory_format=torch.channels_last)
        wants_images, wants_weight, _ = ctx.needs_input_grad  # type: ignore[attr-defined]
        of_images = images_gradient(grad, images, weight, stride) if wants_images else None
        of_weight = weight_gradient(grad, images, weight.shape[2], stride) if wants_weight else None
        if of_weight is not None:
            of_weight = of_weight.to(ctx.weight_type)  # type: ignore[attr-defined]
        return of_images, of_weight, None


def images_gradient(grad: Tensor, images: Tensor, weight: Tensor, stride: int) -> Tensor:
    """Of a depthwise convolution: [N, C, H', W'] → [N, C, H, W], in the type of ``grad``."""
    kernel, channels = weight.shape[2], images.shape[1]
    if stride == 1:  # a forward convolution with the kernel turned round: half the time of torch's backward
        return F.conv2d(grad, weight.flip(2, 3), None, 1, kernel // 2, 1, channels)
    # in fp32 oneDNN has a kernel for it; of the images it needs the shape only
    shape = torch.empty(images.shape, memory_format=torch.channels_last)
    full: Tensor = _native(grad.float(), shape, weight.float(), stride, kernel // 2, (True, False, False))[0]
    return full.to(grad.dtype)


def weight_gradient(grad: Tensor, images: Tensor, kernel: int, stride: int) -> Tensor:
    """Of a depthwise convolution: gradient [N, C, H', W'] and images [N, C, H, W] → [C, 1, k, k]."""
    if kernel == 3:
        shape = images.new_empty(images.shape[1], 1, 3, 3)
        found: Tensor = _native(grad, images, shape, stride, 1, (False, True, False))[1]
        return found
    if images.shape[2] * images.shape[3] <= SMALL_MAP:
        return _by_products(grad, images, kernel, stride)
    return _by_3x3(grad, images, kernel, stride)


def _by_products(grad: Tensor, images: Tensor, kernel: int, stride: int) -> Tensor:
    """Of all pairs of an output and an input pixel the products, summed over the images by one matrix product a
    channel; then summed over the pairs that one weight joins."""
    count, channels, height, width = images.shape
    out_height, out_width = grad.shape[2:]
    outputs = grad.permute(1, 2, 3, 0).reshape(channels, out_height * out_width, count)
    inputs = images.permute(1, 0, 2, 3).reshape(channels, count, height * width)
    pairs = torch.bmm(outputs, inputs).view(channels, -1).float()  # summed in fp32: bf16 would round once more
    joined = _joined((out_height, out_width), (height, width), kernel, stride)
    with torch.autocast("cpu", enabled=False):  # the backward pass may run inside it too
        return (pairs @ joined).view(channels, 1, kernel, kernel)


@lru_cache(maxsize=64)
def _joined(outputs: tuple[int, int], inputs: tuple[int, int], kernel: int, stride: int) -> Tensor:
    """1 where weight (i, j) joins an output pixel with an input pixel: [H'·W'·H·W, k·k]."""

    def along(out_size: int, in_size: int) -> Tensor:
        out, position, tap = torch.meshgrid(
            torch.arange(out_size), torch.arange(in_size), torch.arange(kernel), indexing="ij"
        )
        return (position == stride * out + tap - kernel // 2).float()  # [out, in, k]

    rows, columns = along(outputs[0], inputs[0]), along(outputs[1], inputs[1])
    return torch.einsum("yri,xcj->yxrcij", rows, columns).reshape(-1, kernel * kernel)


def _by_3x3(grad: Tensor, images: Tensor, kernel: int, stride: int) -> Tensor:
    """Assembled from 3×3 gradients at stride 1, for which oneDNN has a fast kernel, of shifted images.

    At stride 2 each takes every other row and column, and weights in between belong to another shift.
    """
    channels, (out_height, out_width) = images.shape[1], grad.shape[2:]
    starts = _starts(kernel, stride)
    before = kernel // 2
    reach = (max(starts) + stride * (out_height + 1) + 1, max(starts) + stride * (out_width + 1) + 1)
    after = [max(0, end - size - before) for end, size in zip(reach, images.shape[2:], strict=True)]
    padded = F.pad(images, (before, after[1], before, after[0]))
    shape = images.new_empty(channels, 1, 3, 3)
    found = images.new_zeros(channels, 1, kernel + 2 * stride, kernel + 2 * stride)
    for top in starts:
        rows = padded[:, :, top : top + stride * (out_height + 1) + 1 : stride]
        for left in starts:
            part = rows[:, :, :, left : left + stride * (out_width + 1) + 1 : stride]
            block = _native(grad, part, shape, 1, 0, (False, True, False))[1]
            found[:, :, top : top + 2 * stride + 1 : stride, left : left + 2 * stride + 1 : stride] = block
    return found[:, :, :kernel, :kernel]


@lru_cache(maxsize=16)
def _starts(kernel: int, stride: int) -> tuple[int, ...]:
    """First taps of runs of three, ``stride`` apart, that cover all taps: (0, 2) for 5 at stride 1, (0, 1) at 2."""
    starts: list[int] = []
    for phase in range(stride):
        taps = range(phase, kernel, stride)
        for at in range(0, len(taps), 3):
            starts.append(taps[min(at, max(0, len(taps) - 3))])
    return tuple(starts)


def _native(
    grad: Tensor, images: Tensor, weight: Tensor, stride: int, padding: int, wanted: tuple[bool, bool, bool]
) -> Any:
    """torch's own backward pass of a depthwise convolution: gradients of images, weight and bias, those wanted."""
    pair = [padding, padding]
    return _backward(
        grad, images, weight, None, [stride, stride], pair, [1, 1], False, [0, 0], images.shape[1], list(wanted)
    )


class _GlobalAverage(torch.autograd.Function):
    """Mean over the feature map, [N, C, H, W] → [N, C, 1, 1]: a quarter of the time of torch's own in channels_last."""

    @staticmethod
    def forward(ctx: Any, images: Tensor) -> Tensor:
        ctx.shape = images.shape
        return F.avg_pool2d(images, images.shape[2:])

    @staticmethod
    def backward(ctx: FunctionCtx, *grads: Any) -> Tensor:
        shape: torch.Size = ctx.shape  # type: ignore[attr-defined]
        spread: Tensor = (grads[0] / (shape[2] * shape[3])).expand(shape)
        # an expanded tensor has no layout of its own, and what is added to it would lose channels_last
        return spread.contiguous(memory_format=torch.channels_last)
