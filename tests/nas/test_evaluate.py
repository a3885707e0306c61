"""Accuracy on the validation images, and the copy of a network without batch norms that it is measured with."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from nas.batches import TrainData
from nas.blocks import InvertedResidual
from nas.evaluate import evaluate, fold_norms
from nas.model import Network, build
from search_spaces import find_reference
from tests.nas.fast import network
from tests.nas.test_batches import noise_data
from tests.nas.test_model import randomise

SPEC = network(16, InvertedResidual(kernel=3, mid=32, out=16), resolution=8, classes=10)
FAMILIES = ("mobilenet_v1@0.25", "mobilenet_v2@0.35", "mobilenet_v3_small", "squeezenet_1_1", "densenet_bc_100_12")


@pytest.fixture(scope="module", params=FAMILIES)
def model(request: pytest.FixtureRequest) -> Network:
    """A network of every family, with statistics and affine numbers that are not the identity."""
    found = build(find_reference(request.param).spec().trained_on(resolution=32, classes=10), seed=1)
    randomise(found, seed=1)
    return found.to(memory_format=torch.channels_last)


def images(count: int = 4) -> Tensor:
    contrast = torch.linspace(0.5, 2, count)[:, None, None, None]
    return contrast * torch.randn(count, 3, 32, 32, generator=torch.Generator().manual_seed(2))


def pairs(model: nn.Module) -> Iterator[tuple[nn.Module, nn.Module]]:
    """Neighbours in every ``nn.Sequential``."""
    for part in model.modules():
        if isinstance(part, nn.Sequential):
            yield from zip(list(part), list(part)[1:], strict=False)


def norms(model: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in model.modules())


def after_conv(model: nn.Module) -> int:
    return sum(isinstance(one, nn.Conv2d) and isinstance(other, nn.BatchNorm2d) for one, other in pairs(model))


def test_a_folded_network_gives_the_same_scores(model: Network) -> None:
    with torch.no_grad():
        expected, found = model.eval()(images()), fold_norms(model)(images())
    assert expected.std(dim=0).max() > 1e-3 * expected.abs().max()  # scores depend on the image
    assert (found - expected).abs().max() <= 1e-5 * expected.abs().max()


def test_folding_leaves_the_network_as_it_was(model: Network) -> None:
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    structure = str(model)
    with torch.no_grad():
        fold_norms(model)(images())
    assert model.training
    assert str(model) == structure
    assert list(model.state_dict()) == list(before)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(value.requires_grad and value.grad is None for value in model.parameters())
    model.zero_grad()
    model(images()).sum().backward()
    assert all(value.grad is not None for value in model.parameters())
    model.load_state_dict(before)
    model.zero_grad()


def test_no_norm_is_left_behind_a_convolution_and_all_others_are_kept(model: Network) -> None:
    folded = fold_norms(model)
    assert after_conv(folded) == 0
    assert norms(folded) == norms(model) - after_conv(model)


@pytest.mark.parametrize("name", ["mobilenet_v2@0.35", "densenet_bc_100_12"])
def test_mobilenets_lose_all_their_norms_and_densenet_keeps_those_before_convolutions(name: str) -> None:
    model = build(find_reference(name).spec().trained_on(resolution=32, classes=10))
    left = norms(fold_norms(model))
    if name.startswith("mobilenet"):
        assert norms(model) > left == 0
    else:
        # 48 layers of two norms, of which the second follows the bottleneck; one in each transition; one at the end
        assert norms(model) == 48 * 2 + 2 + 1
        # a transition's convolution is a block of its own, so nothing else is folded
        assert left == 48 + 2 + 1


def test_biases_and_norms_without_affine_numbers_are_folded_too() -> None:
    generator = torch.Generator().manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, bias=True), nn.BatchNorm2d(8, affine=False), nn.Conv2d(8, 8, 1), nn.BatchNorm2d(8)
    )
    randomise_statistics(model, generator)
    folded = fold_norms(model)
    with torch.no_grad():
        expected, found = model.eval()(images()), folded(images())
    assert norms(folded) == 0
    assert (found - expected).abs().max() <= 1e-5 * expected.abs().max()


def randomise_statistics(model: nn.Module, generator: torch.Generator) -> None:
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d) and module.running_mean is not None and module.running_var is not None:
            module.running_mean.copy_(torch.randn(8, generator=generator))
            module.running_var.copy_(0.5 + torch.rand(8, generator=generator))


def test_norms_that_keep_no_statistics_are_left() -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8, track_running_stats=False)).eval()
    folded = fold_norms(model)
    assert norms(folded) == 1
    with torch.no_grad():
        assert torch.equal(folded(images()), model(images()))


def test_a_convolution_used_twice_is_folded_with_each_of_its_norms() -> None:
    conv = nn.Conv2d(8, 8, 1)
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), conv, nn.BatchNorm2d(8), nn.ReLU(), conv, nn.BatchNorm2d(8))
    randomise_statistics(model, torch.Generator().manual_seed(0))
    folded = fold_norms(model)
    with torch.no_grad():
        expected, found = model.eval()(images()), folded(images())
    assert norms(folded) == 0
    assert (found - expected).abs().max() <= 1e-5 * expected.abs().max()


def test_validation_is_the_share_of_images_scored_right_batch_by_batch() -> None:
    class AlwaysThree(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return nn.functional.one_hot(torch.full((len(images),), 3), 10).float()

    assert evaluate(AlwaysThree(), noise_data(45), batch=16) == pytest.approx(5 / 45)  # labels 0…9 in turn


def test_validation_does_not_touch_batch_norm() -> None:
    model = build(SPEC, seed=0)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    evaluate(model, noise_data(40))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_the_last_incomplete_batch_is_counted_and_the_size_of_batches_does_not_matter() -> None:
    class FirstPixel(nn.Module):
        """Right about images whose first pixel is bright."""

        def forward(self, images: Tensor) -> Tensor:
            sizes.append(len(images))
            return nn.functional.one_hot((images[:, 0, 0, 0] > 0).long(), 10).float()

    sizes: list[int] = []
    pixels = torch.zeros(45, 3, 8, 8, dtype=torch.uint8)
    pixels[-5:] = 255  # all of them in the last batch of 16
    labels = torch.ones(45, dtype=torch.int64)
    data = TrainData.of((pixels, labels), (pixels, labels))
    assert evaluate(FirstPixel(), data, batch=16) == 5 / 45
    assert sizes == [16, 16, 13]
    assert evaluate(FirstPixel(), data, batch=45) == evaluate(FirstPixel(), data, batch=256) == 5 / 45


def test_only_validation_images_are_looked_at_each_with_its_own_label() -> None:
    bright = torch.arange(20) % 2
    pixels = (bright * 255).to(torch.uint8).view(20, 1, 1, 1).expand(20, 3, 8, 8).contiguous()
    labels = bright.clone()
    labels[:10] = 5  # training labels that nothing predicts
    data = TrainData.at(pixels, labels, torch.arange(10), torch.tensor([19, 10, 13]))

    class Bright(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return nn.functional.one_hot((images[:, 0, 0, 0] > 0).long(), 10).float()

    assert evaluate(Bright(), data) == 1.0
    labels[13] = 0
    assert evaluate(Bright(), data) == pytest.approx(2 / 3)


def test_evaluation_leaves_no_gradients_and_the_model_in_evaluation_mode() -> None:
    model = build(SPEC, seed=0).train()
    evaluate(model, noise_data(20))
    assert not model.training
    assert all(value.grad is None and value.requires_grad for value in model.parameters())


def test_in_bf16_separable_images_are_told_apart_as_well() -> None:
    """Ten greys, and scores that are highest for the image's own: (a − g)² is a line in g but for g² itself."""
    greys = torch.arange(10) * 25
    labels = torch.arange(50) % 10
    pixels = greys[labels].to(torch.uint8).view(50, 1, 1, 1).expand(50, 3, 8, 8).contiguous()
    data = TrainData.of((pixels, labels), (pixels, labels))
    centres = (greys - data.mean.flatten()[0]) / data.std.flatten()[0]
    types: list[torch.dtype] = []
    conv = nn.Conv2d(3, 10, 1)
    model = nn.Sequential(conv, nn.BatchNorm2d(10), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with torch.no_grad():
        conv.weight.copy_((2 * centres / 3).view(10, 1, 1, 1).expand(10, 3, 1, 1))
        assert conv.bias is not None
        conv.bias.copy_(-(centres**2))
    conv.register_forward_hook(lambda *given: types.append(given[2].dtype))
    assert evaluate(model, data) == evaluate(model, data, precision="bf16") == 1.0
    assert types == [torch.float32, torch.bfloat16]


def test_in_bf16_a_networks_accuracy_is_nearly_that_of_fp32() -> None:
    """Labels are what it says itself in fp32; images on the edge may fall to the other side."""
    model = build(SPEC, seed=0)
    randomise(model, seed=1)
    data = noise_data(300)
    with torch.no_grad():
        answers = model.eval()((data.val_images.float() - data.mean) / data.std).argmax(1)
    data = TrainData.of((data.train_images, data.train_labels), (data.val_images, answers))
    assert evaluate(model, data) == 1.0
    assert evaluate(model, data, precision="bf16") > 0.95
