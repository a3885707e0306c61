"""Fast layers give torch's own results: outputs and gradients of each, what is left to torch, and whole networks."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nas import fast_layers
from nas.arch import ArchSpec
from nas.fast_layers import SMALL_MAP, FastLayers
from nas.model import build
from nas.precision import computing
from search_spaces import densenet, find_reference

CPU = torch.device("cpu")
# One rounding to bf16 errs by at most 2⁻⁸ = 3.9e-3 of a number, and by about 1.65e-3 of the norm of many.
ROUNDED = 2e-3
TWICE_ROUNDED = 2e-3 * 2**0.5
KERNELS, STRIDES = (3, 5, 7), (1, 2)
MAPS = ((2, 2), (3, 5), (7, 7), (8, 8), (9, 8), (13, 16), (32, 32))  # px; 8 × 8 is the last small map
SMALL_DENSENET: dict[str, Any] = {
    "skeleton": "cifar",
    **{f"cifar.block{number}.layers": 2 for number in (1, 2, 3)},
    "growth": 8,
    "bottleneck": 4,
    "compression": 0.5,
}


def noise(*shape: int, seed: int = 0, rounded: bool = True) -> Tensor:
    """fp32 numbers; those that bf16 can hold where ``rounded``."""
    numbers = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    return numbers.bfloat16().float() if rounded else numbers


def error(found: Tensor | None, expected: Tensor | None) -> float:
    """Distance relative to the norm of what is expected."""
    assert found is not None
    assert expected is not None
    assert found.shape == expected.shape
    return float((found.double() - expected.double()).norm() / expected.double().norm())


def gradients(layer: Callable[..., Tensor], given: list[Tensor], upstream: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Output, and gradients of all that is given."""
    leaves = [one.detach().clone(memory_format=torch.preserve_format).requires_grad_() for one in given]
    out = layer(*leaves)
    out.backward(upstream.to(out.dtype))  # type: ignore[no-untyped-call]  # torch leaves it without types
    return out.detach(), [leaf.grad for leaf in leaves if leaf.grad is not None]


def assert_as_torch(
    layer: nn.Module, images: Tensor, upstream: Tensor, *, of_output: float = ROUNDED, of_gradients: float = ROUNDED
) -> None:
    """Output and gradients of images and parameters in bf16 with fast layers, against torch's own in float64 from the
    same numbers, within these relative errors."""
    names = [name for name, _ in layer.named_parameters()]
    values = [value.detach() for value in layer.parameters()]

    def call(pixels: Tensor, *parameters: Tensor) -> Tensor:
        return torch.func.functional_call(layer, dict(zip(names, parameters, strict=True)), (pixels,))  # type: ignore[no-any-return]

    expected, wanted = gradients(call, [one.double() for one in (images, *values)], upstream.double())

    def fast(*given: Tensor) -> Tensor:
        with computing("bf16", CPU):
            return call(*given)

    found, got = gradients(fast, [images, *values], upstream)
    assert found.dtype == torch.bfloat16
    assert error(found, expected) < of_output
    assert len(got) == 1 + len(names)
    for name, one, other in zip(("images", *names), got, wanted, strict=True):
        assert one.dtype == torch.float32, name
        assert error(one, other) < of_gradients, name


def depthwise(
    channels: int, kernel: int, stride: int = 1, *, bias: bool = False, padding: int | None = None
) -> nn.Conv2d:
    around = kernel // 2 if padding is None else padding
    layer = nn.Conv2d(channels, channels, kernel, stride, around, groups=channels, bias=bias)
    return with_noise(layer)


def with_noise(layer: nn.Conv2d) -> nn.Conv2d:
    with torch.no_grad():
        layer.weight.copy_(noise(*layer.weight.shape, seed=1))
        if layer.bias is not None:
            layer.bias.copy_(noise(*layer.bias.shape, seed=2))
    return layer


def upstream_of(layer: nn.Module, images: Tensor) -> Tensor:
    with torch.no_grad():
        return noise(*layer(images).shape, seed=3)


class Twice(nn.Module):
    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, images: Tensor) -> Tensor:
        out: Tensor = self.layer(self.layer(images))
        return out


def noting(name: str, calls: list[str]) -> Callable[..., Tensor]:
    """The function of this name in ``fast_layers``, whose calls are added to ``calls``."""
    own: Callable[..., Tensor] = getattr(fast_layers, name)

    def call(*given: Any) -> Tensor:
        calls.append(name)
        return own(*given)

    return call


def is_fast_depthwise(out: Tensor) -> bool:
    return "_DepthwiseBackward" in str(out.grad_fn)


# ---- depthwise convolution


@pytest.mark.parametrize("size", MAPS, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize("kernel", KERNELS)
def test_depthwise_outputs_and_gradients_are_those_of_torch(kernel: int, stride: int, size: tuple[int, int]) -> None:
    images = noise(4, 16, *size).contiguous(memory_format=torch.channels_last)
    layer = depthwise(16, kernel, stride)
    assert_as_torch(layer, images, upstream_of(layer, images))


@pytest.mark.parametrize("channels", [2, 8, 24, 37, 64])
@pytest.mark.parametrize(("kernel", "stride"), [(3, 2), (5, 1), (7, 2)])
def test_depthwise_with_few_and_many_channels(channels: int, kernel: int, stride: int) -> None:
    layer = depthwise(channels, kernel, stride)
    for size in (6, 11):
        images = noise(3, channels, size, size)  # not channels last
        assert_as_torch(layer, images, upstream_of(layer, images))


@pytest.mark.parametrize("stride", STRIDES)
def test_depthwise_with_a_bias(stride: int) -> None:
    for size in (4, 12):
        images = noise(4, 16, size, size)
        layer = depthwise(16, 5, stride, bias=True)
        # the output is rounded before the bias is added and after
        assert_as_torch(layer, images, upstream_of(layer, images), of_output=TWICE_ROUNDED)


def test_a_single_image_is_enough() -> None:
    for size in (5, 10):
        layer, images = depthwise(16, 5, 2), noise(1, 16, size, size)
        assert_as_torch(layer, images, upstream_of(layer, images))


def test_depthwise_convolution_is_recognised_and_one_channel_is_none() -> None:
    with computing("bf16", CPU):
        for kernel in KERNELS:
            for stride in STRIDES:
                assert is_fast_depthwise(depthwise(8, kernel, stride)(noise(2, 8, 9, 9)))
        assert not is_fast_depthwise(depthwise(1, 3)(noise(2, 1, 9, 9)))
    layer, images = depthwise(1, 3), noise(4, 1, 9, 9)
    assert_as_torch(layer, images, upstream_of(layer, images))


def test_numbers_that_bf16_cannot_hold_are_rounded_as_autocast_rounds_them() -> None:
    layer, images = depthwise(16, 5), noise(4, 16, 9, 9, rounded=False)
    with torch.no_grad():
        layer.weight.copy_(noise(*layer.weight.shape, seed=1, rounded=False))
    with torch.autocast("cpu", torch.bfloat16):
        own = layer(images)
    with computing("bf16", CPU):
        assert torch.equal(layer(images), own)


@pytest.mark.parametrize(("images_need", "weight_needs"), [(True, False), (False, True), (False, False)])
@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (5, 2)])
def test_only_the_gradients_that_are_needed_are_computed(
    images_need: bool, weight_needs: bool, kernel: int, stride: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed: list[str] = []
    for name in ("images_gradient", "weight_gradient"):
        monkeypatch.setattr(fast_layers, name, noting(name, computed))
    images = noise(4, 8, 9, 9).requires_grad_(images_need)
    layer = depthwise(8, kernel, stride).requires_grad_(weight_needs)
    with computing("bf16", CPU):
        out = layer(images)
    assert out.requires_grad == (images_need or weight_needs)
    if out.requires_grad:
        out.float().sum().backward()
    assert computed == ["images_gradient"] * images_need + ["weight_gradient"] * weight_needs
    assert (images.grad is not None, layer.weight.grad is not None) == (images_need, weight_needs)


def test_gradients_of_a_layer_used_twice_are_summed() -> None:
    layer = depthwise(16, 5)
    images = noise(4, 16, 9, 9)
    # what lies between the two is rounded, and so is its gradient
    assert_as_torch(
        Twice(layer), images, upstream_of(layer, images), of_output=TWICE_ROUNDED, of_gradients=TWICE_ROUNDED
    )
    with computing("bf16", CPU):
        out = layer(images) + layer(images.flip(0))
    out.float().sum().backward()
    both = layer.weight.grad
    layer.weight.grad = None
    for one in (images, images.flip(0)):
        with computing("bf16", CPU):
            layer(one).float().sum().backward()
    assert both is not None
    assert error(both, layer.weight.grad) < 1e-6


@pytest.mark.parametrize("size", [6, 12])
def test_a_backward_pass_inside_the_mode_gives_the_same_gradients(size: int) -> None:
    layer, images = depthwise(16, 5, 2), noise(4, 16, size, size)
    found: list[Tensor] = []
    for inside in (False, True):
        layer.weight.grad = None
        pixels = images.clone().requires_grad_()
        with computing("bf16", CPU):
            loss = (layer(pixels).float() * noise(4, 16, size // 2, size // 2, seed=3)).sum()
            if inside:
                loss.backward()
        if not inside:
            loss.backward()
        assert pixels.grad is not None
        assert layer.weight.grad is not None
        found += [pixels.grad, layer.weight.grad]
    assert torch.equal(found[0], found[2])
    assert torch.equal(found[1], found[3])


# ---- the two ways to the gradient of the weight


WAYS = {"products": fast_layers._by_products, "3x3": fast_layers._by_3x3}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("size", [(1, 1), *MAPS[:-1], (16, 3), (20, 20)], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize("kernel", [5, 7])
def test_each_way_to_the_gradient_of_the_weight_is_exact_in_fp32(
    kernel: int, stride: int, size: tuple[int, int], way: str
) -> None:
    images, weight = noise(3, 8, *size, rounded=False), torch.zeros(8, 1, kernel, kernel)
    out = F.conv2d(images, weight, None, stride, kernel // 2, 1, 8)
    grad = noise(*out.shape, seed=3, rounded=False)
    _, (expected,) = gradients(
        lambda taps: F.conv2d(images.double(), taps, None, stride, kernel // 2, 1, 8), [weight.double()], grad.double()
    )
    grad, images = (one.contiguous(memory_format=torch.channels_last) for one in (grad, images))
    found = WAYS[way](grad, images, kernel, stride)
    assert found.dtype == torch.float32
    assert error(found, expected) < 1e-5
    # taps that reach no pixel of the map have none
    assert torch.equal(found[expected == 0], torch.zeros_like(found[expected == 0]))


@pytest.mark.parametrize(("size", "way"), [((8, 8), "_by_products"), ((4, 16), "_by_products"), ((5, 13), "_by_3x3")])
def test_small_maps_go_by_products_and_others_by_3x3(
    size: tuple[int, int], way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[str] = []
    for name in ("_by_products", "_by_3x3"):
        monkeypatch.setattr(fast_layers, name, noting(name, taken))
    with computing("bf16", CPU):
        depthwise(8, 5)(noise(2, 8, *size)).float().sum().backward()
    assert SMALL_MAP == 64
    assert taken == [way]


@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize("kernel", KERNELS)
def test_in_fp32_gradients_are_exact(kernel: int, stride: int) -> None:
    for size in (6, 11):
        images, layer = noise(3, 8, size, size, rounded=False), depthwise(8, kernel, stride)
        upstream = upstream_of(layer, images)
        expected, wanted = gradients(
            lambda pixels, taps: F.conv2d(pixels, taps, None, stride, kernel // 2, 1, 8),
            [images.double(), layer.weight.detach().double()],
            upstream.double(),
        )
        with FastLayers():
            found, got = gradients(
                lambda pixels, taps: F.conv2d(
                    pixels, taps, None, (stride, stride), (kernel // 2, kernel // 2), (1, 1), 8
                ),
                [images, layer.weight.detach()],
                upstream,
            )
        assert error(found, expected) < 1e-5
        assert all(error(one, other) < 1e-5 for one, other in zip(got, wanted, strict=True))


# ---- pointwise convolution


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("size", [(1, 1), (3, 5), (8, 8), (9, 8), (16, 16)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_pointwise_outputs_and_gradients_are_those_of_torch(size: tuple[int, int], bias: bool) -> None:
    layer = with_noise(nn.Conv2d(24, 40, 1, bias=bias))
    images = noise(4, 24, *size).contiguous(memory_format=torch.channels_last)
    assert_as_torch(layer, images, upstream_of(layer, images))


def test_pointwise_is_a_matrix_product_on_small_maps_only_and_stays_channels_last() -> None:
    layer = with_noise(nn.Conv2d(24, 40, 1))
    with computing("bf16", CPU):
        small, large = (
            layer(noise(2, 24, side, side).contiguous(memory_format=torch.channels_last)) for side in (8, 9)
        )
    assert "Permute" in str(small.grad_fn)
    assert "Convolution" in str(large.grad_fn)
    assert all(out.is_contiguous(memory_format=torch.channels_last) for out in (small, large))


def test_pointwise_without_gradients_is_the_same() -> None:
    layer, images = with_noise(nn.Conv2d(24, 40, 1)), noise(4, 24, 4, 4)
    with torch.no_grad():
        expected = layer(images)
        with computing("bf16", CPU):
            assert error(layer(images.contiguous(memory_format=torch.channels_last)), expected) < ROUNDED
            # in another order torch adds the bias after rounding
            assert error(layer(images), expected) < TWICE_ROUNDED


# ---- global average


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (7, 5), (32, 32)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_a_global_average_and_its_gradient_are_those_of_torch(size: tuple[int, int]) -> None:
    images, upstream = noise(4, 24, *size), noise(4, 24, 1, 1, seed=3)
    expected, (wanted,) = gradients(
        lambda pixels: pixels.mean((2, 3), keepdim=True), [images.double()], upstream.double()
    )
    kinds: list[str] = []
    for output in (1, (1, 1)):

        def fast(pixels: Tensor, output: Any = output) -> Tensor:
            with computing("bf16", CPU):
                out: Tensor = nn.AdaptiveAvgPool2d(output)(pixels)
            kinds.append(str(out.grad_fn))
            return out

        found, (got,) = gradients(fast, [images.bfloat16()], upstream)
        assert found.dtype == got.dtype == torch.bfloat16
        assert error(found, expected) < ROUNDED
        assert error(got, wanted) < ROUNDED
    assert all("_GlobalAverage" in kind for kind in kinds)


@pytest.mark.parametrize("output", [2, (1, 2), (None, 1), 3])
def test_other_averages_are_left_to_torch(output: Any) -> None:
    pool, images = nn.AdaptiveAvgPool2d(output), noise(2, 8, 6, 6).requires_grad_()
    with FastLayers():
        out = pool(images)
    assert "AdaptiveAvgPool2D" in str(out.grad_fn) or "Mean" in str(out.grad_fn)
    assert torch.equal(out, pool(images))


def test_the_average_of_one_image_without_a_batch_is_left_to_torch() -> None:
    pool, image = nn.AdaptiveAvgPool2d(1), noise(8, 6, 6)
    with FastLayers():
        assert torch.equal(pool(image), image.mean((1, 2), keepdim=True))


# ---- what is left to torch

LEFT = {
    "dilated": nn.Conv2d(8, 8, 3, padding=1, dilation=2, groups=8),
    "dilated, padded alike": nn.Conv2d(8, 8, 5, padding=2, dilation=2, groups=8),
    "groups of two": nn.Conv2d(8, 8, 3, padding=1, groups=4),
    "no groups": nn.Conv2d(8, 8, 3, padding=1),
    "even kernel": nn.Conv2d(8, 8, 4, padding=2, groups=8),
    "kernel 9": nn.Conv2d(8, 8, 9, padding=4, groups=8),
    "kernel 1": nn.Conv2d(8, 8, 1, groups=8),
    "oblong kernel": nn.Conv2d(8, 8, (3, 5), padding=(1, 2), groups=8),
    "no padding": nn.Conv2d(8, 8, 3, groups=8),
    "too much padding": nn.Conv2d(8, 8, 3, padding=2, groups=8),
    "oblong padding": nn.Conv2d(8, 8, 3, padding=(1, 0), groups=8),
    "stride 3": nn.Conv2d(8, 8, 3, 3, padding=1, groups=8),
    "oblong stride": nn.Conv2d(8, 8, 3, (1, 2), padding=1, groups=8),
    "two outputs a channel": nn.Conv2d(8, 16, 3, padding=1, groups=8),
    "padding same": nn.Conv2d(8, 8, 3, padding="same", groups=8),
    "padding valid": nn.Conv2d(8, 8, 3, padding="valid", groups=8),
    "mirrored border": nn.Conv2d(8, 8, 3, padding=1, padding_mode="reflect", groups=8),
    "pointwise, strided": nn.Conv2d(8, 8, 1, 2),
    "pointwise, padded": nn.Conv2d(8, 8, 1, padding=1),
    "pointwise, in groups": nn.Conv2d(8, 8, 1, groups=2),
}


@pytest.mark.parametrize("name", LEFT)
def test_what_is_not_recognised_is_left_to_torch(name: str) -> None:
    layer = with_noise(LEFT[name])
    for images in (noise(2, 8, 7, 8), noise(8, 7, 8)):  # with and without a batch
        upstream = upstream_of(layer, images)
        with torch.autocast("cpu", torch.bfloat16):
            own, wanted = gradients(lambda pixels: layer(pixels), [images], upstream)
        with computing("bf16", CPU):
            found, got = gradients(lambda pixels: layer(pixels), [images], upstream)
            kind = str(layer(images).grad_fn)
        assert torch.equal(found, own)
        assert torch.equal(got[0], wanted[0])
        assert "_Depthwise" not in kind
        assert "Convolution" in kind or "Squeeze" in kind


def test_without_gradients_a_depthwise_convolution_is_left_to_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast_layers._Depthwise, "forward", lambda *_: pytest.fail("not torch's own"))
    layer, images = depthwise(8, 5), noise(2, 8, 9, 9)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        own = layer(images)
    with torch.no_grad(), computing("bf16", CPU):
        assert torch.equal(layer(images), own)


def test_other_forms_of_the_call_give_the_same() -> None:
    layer, images = depthwise(8, 3), noise(2, 8, 9, 9)
    expected = F.conv2d(images, layer.weight, padding=1, groups=8)
    with FastLayers():
        assert torch.equal(F.conv2d(images, layer.weight, padding=1, groups=8), expected)
        assert torch.equal(F.conv2d(images, layer.weight, None, 1, 1, 1, 8), expected)
        assert torch.equal(F.conv2d(images, layer.weight, None, [1, 1], [1, 1], [1, 1], 8), expected)


def test_outside_the_mode_nothing_changes() -> None:
    layer, images = depthwise(8, 5), noise(2, 8, 9, 9)
    before = layer(images)
    with computing("bf16", CPU):
        assert is_fast_depthwise(layer(images))
    with computing("fp32", CPU):
        inside = layer(images)
    after = layer(images)
    for out in (inside, after):
        assert out.dtype == torch.float32
        assert torch.equal(out, before)
        assert not is_fast_depthwise(out)
    assert not torch.is_autocast_enabled("cpu")


def test_an_exception_ends_the_mode() -> None:
    with pytest.raises(KeyError), computing("bf16", CPU):
        raise KeyError
    assert not torch.is_autocast_enabled("cpu")
    assert not is_fast_depthwise(depthwise(8, 5)(noise(2, 8, 9, 9)))


# ---- whole networks

NETWORKS: dict[str, Callable[[], ArchSpec]] = {
    "mobilenet_v3_small": lambda: find_reference("mobilenet_v3_small").spec(),
    "squeezenet_1_1": lambda: find_reference("squeezenet_1_1").spec(),
    "small densenet": lambda: densenet.densenet(lambda name, options: SMALL_DENSENET[name]),
}


def network_gradients(model: nn.Module, images: Tensor, labels: Tensor, how: str) -> Tensor:
    """All parameters' gradients behind one another."""
    model.zero_grad()
    plain = torch.autocast("cpu", torch.bfloat16, enabled=how == "autocast")
    with computing("bf16", CPU) if how == "fast" else plain:
        loss = F.cross_entropy(model(images), labels)
    loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it without types
    assert all(value.grad is not None and value.grad.dtype == torch.float32 for value in model.parameters())
    return torch.cat([value.grad.flatten() for value in model.parameters() if value.grad is not None])


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_of_a_whole_network_are_as_near_to_fp32_as_those_of_autocast(name: str) -> None:
    model = build(NETWORKS[name]().trained_on(resolution=32, classes=10), seed=1).to(memory_format=torch.channels_last)
    model.train()
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0  # what is dropped depends on the type
    images = noise(8, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    labels = torch.arange(8)
    exact, own, fast = (network_gradients(model, images, labels, how) for how in ("fp32", "autocast", "fast"))
    assert 0 < error(own, exact) < 0.5
    assert error(fast, exact) < 1.1 * error(own, exact)
    assert error(fast, own) < 0.5 * error(own, exact)
