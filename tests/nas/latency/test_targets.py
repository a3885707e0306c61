"""Runtimes of this machine: what they run is the network, alone on one thread, and everything is put back."""

import math
import os
from contextlib import suppress
from itertools import chain

import pytest
import torch
from torch import Tensor, nn

from nas.errors import LatencyError
from nas.latency.targets import TARGETS, OnnxRuntimeCpu, Target, find_target, fused
from nas.model import build
from nas.onnx_graph import INPUT, to_onnx
from search_spaces import SPACES
from tests.nas.test_model_py import randomised, small
from tests.networks import random_specs

LINUX = pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="only Linux keeps a thread on a core")
HERE = ["onnxruntime-cpu", "torch-cpu"]


def tiny() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())


@pytest.mark.parametrize("space", SPACES)
def test_a_fused_network_puts_out_what_the_network_does(space: str) -> None:
    network = randomised(small(random_specs(space, 1, seed=6)[0]))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    images = torch.randn(2, network.spec.channels, network.spec.resolution, network.spec.resolution)
    with torch.no_grad():
        wanted, found = network(images), fused(network)(images)
    assert float((found - wanted).abs().max() / wanted.abs().max()) <= 1e-5
    after = network.state_dict()  # left as it was
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("space", ["mobilenet_v1", "mobilenet_v2", "mobilenet_v3"])
def test_every_norm_after_a_convolution_is_folded(space: str) -> None:
    network = build(random_specs(space, 1)[0])
    assert any(isinstance(one, nn.BatchNorm2d) for one in network.modules())
    assert not any(isinstance(one, nn.BatchNorm2d) for one in fused(network).modules())


def test_a_norm_before_a_convolution_cannot_be_folded() -> None:
    module = nn.Sequential(nn.BatchNorm2d(3), nn.ReLU(), nn.Conv2d(3, 4, 3))
    assert isinstance(fused(module)[0], nn.BatchNorm2d)  # type: ignore[index]


def test_a_module_in_training_mode_is_fused_in_evaluation_mode_and_left_in_its_own() -> None:
    module = tiny().train()
    assert not fused(module).training
    assert module.training


@pytest.mark.parametrize("name", HERE)
def test_a_target_gives_the_seconds_of_each_image_and_leaves_the_module(name: str) -> None:
    module = tiny().train()
    before = {key: value.clone() for key, value in module.state_dict().items()}
    seconds = TARGETS[name].ready(module, (3, 8, 8))(4)
    assert len(seconds) == 4
    assert all(0 < one < 10 or one == math.inf for one in seconds)  # infinite: a busy machine interrupted it
    assert module.training
    assert all(torch.equal(before[key], value) for key, value in module.state_dict().items())


def test_torch_runs_a_fused_network_channels_last_without_gradients() -> None:
    seen: list[Tensor] = []
    modes: list[bool] = []
    kinds: list[list[str]] = []

    class Spy(nn.Sequential):
        def forward(self, x: Tensor) -> Tensor:
            seen.append(x)
            modes.append(torch.is_inference_mode_enabled())
            kinds.append([type(one).__name__ for one in self])
            out: Tensor = super().forward(x)
            return out

    TARGETS["torch-cpu"].ready(Spy(*tiny()), (3, 8, 8))(1)
    (image,) = seen
    assert image.shape == (1, 3, 8, 8)
    assert image.is_contiguous(memory_format=torch.channels_last)
    assert image.abs().min() > 0
    assert modes == [True]
    assert kinds == [["Conv2d", "Identity", "ReLU"]]


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_is_called_what_it_is_registered_as(name: str) -> None:
    assert TARGETS[name].name == name


@pytest.mark.parametrize("name", HERE)
def test_a_fingerprint_names_processor_runtime_version_and_threads(name: str) -> None:
    import onnxruntime

    from nas.machine import machine

    said = TARGETS[name].fingerprint()
    assert said.startswith(machine()["processor"])
    assert {"onnxruntime-cpu": onnxruntime.__version__, "torch-cpu": torch.__version__.split("+")[0]}[name] in said
    assert "1 thread" in said


@LINUX
@pytest.mark.parametrize("name", HERE)
def test_alone_is_one_core_and_the_cores_come_back(name: str) -> None:
    before = os.sched_getaffinity(0)
    with suppress(KeyboardInterrupt), TARGETS[name].alone():
        assert len(os.sched_getaffinity(0)) == 1
        assert os.sched_getaffinity(0) <= before
        raise KeyboardInterrupt
    assert os.sched_getaffinity(0) == before


@pytest.mark.parametrize("name", HERE)
def test_alone_works_where_the_system_cannot_be_told(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    with TARGETS[name].alone():
        pass


def test_torch_has_one_thread_alone_and_its_own_number_again() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with suppress(KeyboardInterrupt), TARGETS["torch-cpu"].alone():
            assert torch.get_num_threads() == 1
            raise KeyboardInterrupt
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_the_session_has_one_thread_and_all_optimisations() -> None:
    import onnxruntime

    options = OnnxRuntimeCpu.session(to_onnx(tiny(), (3, 8, 8))).get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (1, 1)
    assert options.graph_optimization_level == onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL


def test_the_session_runs_the_module() -> None:
    network = randomised(small(random_specs("mobilenet_v3", 1, seed=6)[0]))
    shape = (network.spec.channels, network.spec.resolution, network.spec.resolution)
    image = torch.randn(1, *shape)
    found = OnnxRuntimeCpu.session(to_onnx(network, shape)).run(None, {INPUT: image.numpy()})[0]
    with torch.no_grad():
        wanted = network(image)
    assert float((torch.from_numpy(found) - wanted).abs().max() / wanted.abs().max()) <= 1e-5


def test_cuda_that_is_not_here_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(LatencyError, match=r"^--latency-target torch-cuda: this machine has no CUDA device"):
        find_target("torch-cuda")


def test_a_runtime_that_is_not_installed_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nas.latency.targets.find_spec", lambda name: None)
    with pytest.raises(LatencyError, match=r"onnxruntime is not installed; pip install onnxruntime$"):
        find_target("onnxruntime-cpu")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpus_graph_is_timed() -> None:
    target: Target = find_target("torch-cuda")
    module = tiny()
    seconds = target.ready(module, (3, 8, 8))(5)
    assert len(seconds) == 5
    assert all(0 < one < 1 for one in seconds)
    assert {one.device.type for one in chain(module.parameters(), module.buffers())} == {"cpu"}
