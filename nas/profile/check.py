"""The built network counted by others: torch's FlopCounterMode and fvcore, beside the closed form.

Both count convolutions and linear layers alone as this package does (torch two operations a multiply-add). What else
they count, and what they leave out, differs; so every operator that was seen is named.
"""

import warnings
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from nas.arch import ArchSpec
from nas.blocks import Operator
from nas.cost import cost, ledger
from nas.model import Network

# what torch and fvcore call the operators of the ledger; a 1×1 or depthwise convolution is a convolution to both
NAMES = {
    "convolution": ("conv2d", "convolution", "conv"),
    "linear": ("addmm", "mm", "linear"),
    "batch_norm": ("native_batch_norm", "_native_batch_norm_legit_no_training", "batch_norm"),
    "activation": (
        *("relu", "relu_", "hardtanh", "hardtanh_", "hardswish", "hardswish_"),
        *("hardsigmoid", "sigmoid"),
    ),
    "pooling": (
        *("mean", "_adaptive_avg_pool2d", "avg_pool2d", "adaptive_max_pool2d", "max_pool2d_with_indices"),
        *("adaptive_avg_pool2d", "max_pool2d"),
    ),
    "product": ("mul",),
    "sum": ("add",),
    "concatenation": ("cat",),
    "resize": ("_upsample_bilinear2d_aa",),
    "dropout": ("dropout",),
}
KIND_OF = {name: kind for kind, names in NAMES.items() for name in names}
MULTIPLYING = ("convolution", "linear")  # the kinds that are compared
SHAPES_ONLY = frozenset({"view", "_unsafe_view", "t", "flatten", "unflatten", "detach"})


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's own class is not typed
    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.run: list[tuple[str, int]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        if name not in SHAPES_ONLY:
            first = out[0] if isinstance(out, tuple) else out
            self.run.append((KIND_OF.get(name, name), prod(first.shape[1:])))
        return out


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What one counter says of a network."""

    counter: str
    blocks: tuple[int, ...]  # multiply-adds of convolutions and linear layers of each block
    kinds: Mapping[str, int]  # in the counter's own unit, torch's halved: it counts a multiply-add as two
    left_out: Mapping[str, int]  # operators it met and did not count: kind → how often

    @property
    def macs(self) -> int:
        return sum(self.kinds.get(kind, 0) for kind in MULTIPLYING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The closed form and the counters."""

    ledger: Counted
    counters: tuple[Counted, ...]
    operators: Mapping[str, int]  # how many of each kind the ledger has
    run: Mapping[str, int]  # how many of each kind torch ran
    params: int
    built_params: int

    @property
    def differing_blocks(self) -> list[int]:
        return [
            index
            for index, macs in enumerate(self.ledger.blocks)
            if any(counter.blocks[index] != macs for counter in self.counters)
        ]

    @property
    def agrees(self) -> bool:
        """The same multiply-adds of convolutions and linear layers, in every block, the same operators, the same
        parameters."""
        return (
            not self.differing_blocks
            and all(counter.macs == self.ledger.macs for counter in self.counters)
            and self.operators == self.run
            and self.params == self.built_params
        )


def check(spec: ArchSpec) -> Checked:
    """Builds the network, without weights, and counts it."""
    with torch.device("meta"):  # no weights, which would take time and memory
        network = Network(spec).eval()
        image = torch.empty(1, spec.channels, spec.resolution, spec.resolution)
    closed, operators = _closed_form(spec)
    run = Counter(kind for kind, _ in operators_run(network, image))
    return Checked(
        ledger=closed,
        counters=(_by_torch(network, image, run), _by_fvcore(network, image.shape, run)),
        operators=operators,
        run=dict(run),
        params=cost(spec).params,
        built_params=sum(one.numel() for one in network.parameters()),
    )


def operators_run(network: nn.Module, image: Tensor) -> list[tuple[str, int]]:
    """Every operator that computes something, in order: its kind (torch's own name where there is none) and the
    elements of its output for one image."""
    recorder = _Recorder()
    with torch.inference_mode(), recorder:
        network(image)
    return recorder.run


def plain_kind(operator: Operator) -> str:
    """Its kind as the counters know it."""
    return "convolution" if operator.kind in ("pointwise", "depthwise") else operator.kind


def _closed_form(spec: ArchSpec) -> tuple[Counted, dict[str, int]]:
    macs, number = Counter[str](), Counter[str]()
    for row in spec.rows():
        for operator in row.block.operators(row.shape):
            kind = plain_kind(operator)
            macs[kind] += operator.macs
            number[kind] += 1
    left_out = {kind: count for kind, count in number.items() if not macs[kind]}
    blocks = tuple(line.cost.macs for line in ledger(spec))
    return Counted(counter="closed form", blocks=blocks, kinds=+macs, left_out=left_out), dict(number)


def _by_torch(network: Network, image: Tensor, run: Mapping[str, int]) -> Counted:
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network(image)
    counts = counter.get_flop_counts()
    kinds = Counter[str]()
    for name, flops in counts["Global"].items():
        name = name.__name__
        kinds[KIND_OF.get(name, name)] += flops // 2
    return Counted(
        counter="torch",
        blocks=tuple(
            # a block without multiply-adds is not listed
            sum(counts.get(f"Network.blocks.{index}", {}).values()) // 2
            for index in range(len(network.blocks))
        ),
        kinds=kinds,
        left_out={kind: number for kind, number in run.items() if kind not in kinds},
    )


def _by_fvcore(network: Network, shape: torch.Size, run: Mapping[str, int]) -> Counted:
    """It traces what is computed, which meta tensors do not allow: zeros for weights, and for the image."""
    network = network.to_empty(device="cpu")
    for tensor in (*network.parameters(), *network.buffers()):
        tensor.detach().zero_()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it compiles with torch.jit, which torch warns of, and its own are shown here
        from fvcore.nn import FlopCountAnalysis

        analysis = FlopCountAnalysis(network, torch.zeros(shape))
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).tracer_warnings("none")
        kinds, unsupported = Counter[str](), Counter[str]()
        for name, number in analysis.by_operator().items():
            kinds[KIND_OF.get(name, name)] += int(number)
        for name, number in analysis.unsupported_ops().items():
            name = name.removeprefix("aten::")
            unsupported[KIND_OF.get(name, name)] += int(number)
        modules = analysis.by_module_and_operator()
    return Counted(
        counter="fvcore",
        blocks=tuple(
            sum(int(modules[f"blocks.{index}"].get(name, 0)) for name in ("conv", "linear"))
            for index in range(len(network.blocks))
        ),
        kinds=kinds,
        # some of what it does not count it says nothing of
        left_out={**unsupported, **{kind: number for kind, number in run.items() if kind not in kinds}},
    )
