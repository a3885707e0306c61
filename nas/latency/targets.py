"""Where latency is measured: a runtime on a processor, one image at a time.

A target makes a module ready to be timed; ``nas.latency.turns`` times it. Fused where a runtime
would: batch norm is folded into its convolution everywhere.
"""

import copy
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol

from nas.errors import LatencyError
from nas.latency.turns import Timed, clocked
from nas.machine import machine, version_of

if TYPE_CHECKING:
    from torch import Tensor, nn


class Target(Protocol):
    """A runtime on this machine, or on one whose measurements were brought here."""

    @property
    def name(self) -> str:
        """As ``--latency-target`` takes it."""

    def fingerprint(self) -> str:
        """What its milliseconds hold for: processor, runtime and its version, threads."""

    def ready(self, module: "nn.Module", shape: Sequence[int]) -> Timed:
        """``module`` for one image [1, *shape], ready to be timed. The module is left as it was."""

    def alone(self) -> Any:
        """A context in which one thread on one core does all the work."""


class OnnxRuntimeCpu:
    """onnxruntime on one thread of this processor, all its graph optimisations on."""

    name = "onnxruntime-cpu"

    def fingerprint(self) -> str:
        return f"{machine()['processor']}, onnxruntime {version_of('onnxruntime')}, 1 thread"

    def ready(self, module: "nn.Module", shape: Sequence[int]) -> Timed:
        from nas.onnx_graph import INPUT, to_onnx

        session, image = self.session(to_onnx(module, shape)), _image(shape).numpy()

        return clocked(lambda: session.run(None, {INPUT: image}))

    @staticmethod
    def session(graph: bytes) -> Any:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def alone(self) -> Any:
        return _one_core()


class TorchCpu:
    """torch as it runs without a compiler, on one thread of this processor, channels last."""

    name = "torch-cpu"

    def fingerprint(self) -> str:
        return f"{machine()['processor']}, torch {version_of('torch')}, 1 thread, channels last"

    def ready(self, module: "nn.Module", shape: Sequence[int]) -> Timed:
        import torch

        network = fused(module).to(memory_format=torch.channels_last)
        image = _image(shape).contiguous(memory_format=torch.channels_last)

        eager = clocked(lambda: network(image))

        def timed(times: int) -> list[float]:
            with torch.inference_mode():
                return eager(times)

        return timed

    @contextmanager
    def alone(self) -> Iterator[None]:
        import torch

        before = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            with _one_core():
                yield
        finally:
            torch.set_num_threads(before)


class TorchCuda:
    """torch on this GPU, the whole network as one CUDA graph, channels last, fp32 as torch computes it there."""

    name = "torch-cuda"

    def fingerprint(self) -> str:
        import torch

        return f"{torch.cuda.get_device_name()}, torch {version_of('torch')}, CUDA graph, channels last"

    def ready(self, module: "nn.Module", shape: Sequence[int]) -> Timed:
        import torch

        network = fused(module).to("cuda").to(memory_format=torch.channels_last)
        image = _image(shape).to("cuda", memory_format=torch.channels_last)
        with torch.inference_mode():
            beside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            beside.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(beside):  # kernels are chosen before the graph is taken down
                for _ in range(3):
                    network(image)
            torch.cuda.current_stream().wait_stream(beside)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                network(image)

        def timed(times: int) -> list[float]:
            events = [torch.cuda.Event(enable_timing=True) for _ in range(times + 1)]  # type: ignore[no-untyped-call]
            events[0].record()
            for event in events[1:]:
                graph.replay()
                event.record()
            events[-1].synchronize()
            return [begin.elapsed_time(end) / 1e3 for begin, end in pairwise(events)]

        return timed

    @contextmanager
    def alone(self) -> Iterator[None]:
        yield


def fused(module: "nn.Module") -> "nn.Module":
    """A copy in evaluation mode with every batch norm that follows a convolution folded into it."""
    from torch import nn
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    module = copy.deepcopy(module).eval()
    for parent in module.modules():
        if not isinstance(parent, nn.Sequential):  # convolution and batch norm follow each other in sequences only
            continue
        names = list(parent._modules)
        for first, second in pairwise(names):
            convolution, norm = parent._modules[first], parent._modules[second]
            if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                parent._modules[first] = fuse_conv_bn_eval(convolution, norm)
                parent._modules[second] = nn.Identity()
    return module


def _image(shape: Sequence[int]) -> "Tensor":
    import torch

    # zeros would be faster than images are on processors that stop early
    return torch.randn(1, *shape, generator=torch.Generator().manual_seed(0))


@contextmanager
def _one_core() -> Iterator[None]:
    """This thread stays on one core, where the system can be told so; a move costs the contents of its caches."""
    try:
        before = os.sched_getaffinity(0)
    except AttributeError:  # not Linux
        yield
        return
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


TARGETS: dict[str, Target] = {target.name: target for target in (OnnxRuntimeCpu(), TorchCpu(), TorchCuda())}


def find_target(name: str) -> Target:
    """The target of this name on this machine. Raises ``LatencyError`` where it has none such."""
    target = TARGETS[name]
    if name == "onnxruntime-cpu" and find_spec("onnxruntime") is None:
        raise LatencyError(f"--latency-target {name}: onnxruntime is not installed; pip install onnxruntime")
    if name == "torch-cuda":
        import torch

        if not torch.cuda.is_available():
            raise LatencyError(f"--latency-target {name}: this machine has no CUDA device that torch can use")
    return target
