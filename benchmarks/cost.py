"""What the cost of a network takes in closed form, and what it would take to build and count it.

    python -m benchmarks.cost [--networks 500] [--counted 5] [--json]

A search asks for the cost of specs that it has just made, of blocks that it has mostly seen before: so every round
makes the same random networks anew, which is timed by itself, and asks for the cost of each once. Beside it the same
networks are built and counted by fvcore (on the CPU: it traces what is computed) and by torch's FlopCounterMode (on the
meta device, which computes nothing). Medians, one thread; a minute or two.
"""

import argparse
import json
import random
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from nas.arch import ArchSpec
from nas.budget import Budget
from nas.cost import cost
from nas.draw import draw
from nas.machine import machine, versions
from nas.model import Network, build
from search_spaces import SPACES

ROUNDS = 7
BUDGET = Budget(macs=60_000_000)  # counts at 224 px and 1000 classes, as a search does by default
TARGET_US = 50


def make(space: str, networks: int) -> list[ArchSpec]:
    """The same random networks every time, as objects of their own."""
    rng = random.Random(space)
    return [draw(SPACES[space], rng).spec for _ in range(networks)]


def seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def closed_form(space: str, networks: int) -> dict[str, float]:
    """Microseconds a network: its spec made, its cost as it is, and in the form of a budget; and the dearest one."""
    spent: dict[str, list[float]] = {"spec_us": [], "cost_us": [], "budget_cost_us": []}
    each: list[list[float]] = []
    for number in range(ROUNDS + 1):
        made = seconds(lambda: make(space, networks))
        fresh, others = make(space, networks), make(space, networks)
        found = {
            "spec_us": made,
            "cost_us": seconds(partial(list, map(cost, fresh))),
            "budget_cost_us": seconds(partial(list, map(BUDGET.cost, others))),
        }
        if number:  # in the first round the blocks are new
            for what, value in found.items():
                spent[what].append(1e6 * value / networks)
            each.append([1e6 * seconds(partial(cost, spec)) for spec in make(space, networks)])
    figures = {what: statistics.median(values) for what, values in spent.items()}
    by_network = [statistics.median(values) for values in zip(*each, strict=True)]
    return figures | {"dearest_us": max(by_network), "blocks": statistics.fmean(len(s.blocks) for s in fresh)}


def by_fvcore(spec: ArchSpec) -> int:
    from fvcore.nn import FlopCountAnalysis

    image = torch.zeros(1, spec.channels, spec.resolution, spec.resolution)
    analysis = FlopCountAnalysis(build(spec).eval(), image)
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).tracer_warnings("none")
    found = analysis.by_operator()
    return int(found["conv"] + found["linear"])


def by_torch(spec: ArchSpec) -> int:
    with torch.device("meta"):
        network = Network(spec).eval()
        image = torch.empty(1, spec.channels, spec.resolution, spec.resolution)
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network(image)
    return int(counter.get_total_flops() // 2)


def built(space: str, counted: int) -> dict[str, float]:
    """Median milliseconds a network to build and count, after one that is not counted; the counts are compared."""
    spent: dict[str, list[float]] = {"fvcore_ms": [], "flop_counter_ms": []}
    first, *specs = make(space, counted + 1)
    for way, count in (("fvcore_ms", by_fvcore), ("flop_counter_ms", by_torch)):
        count(first)
        for spec in specs:
            begin = time.perf_counter()
            macs = count(spec)
            spent[way].append(1e3 * (time.perf_counter() - begin))
            assert macs == cost(spec).macs
    return {way: statistics.median(values) for way, values in spent.items()}


def measure(space: str, networks: int, counted: int) -> dict[str, float]:
    found = closed_form(space, networks) | built(space, counted)
    return found | {
        "times_faster_than_fvcore": 1e3 * found["fvcore_ms"] / found["cost_us"],
        "times_faster_than_flop_counter": 1e3 * found["flop_counter_ms"] / found["cost_us"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=int, default=500, help="random ones of each space, in closed form")
    parser.add_argument("--counted", type=int, default=5, help="of which so many are built and counted")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    spaces = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fvcore compiles with torch.jit, of which torch warns
        for space in SPACES:
            print(space, file=sys.stderr, flush=True)
            spaces[space] = measure(space, options.networks, options.counted)
    if options.json:
        document: dict[str, Any] = {
            "spaces": spaces,
            "target_us": TARGET_US,
            "networks": options.networks,
            "counted": options.counted,
            "machine": machine(),
            "versions": versions(),
        }
        print(json.dumps(document, indent=2))
        return
    for space, found in spaces.items():
        print(
            f"{space:13} {found['cost_us']:5.1f} µs a network of {found['blocks']:.0f} blocks, "
            f"{found['dearest_us']:.1f} the dearest, {found['budget_cost_us']:.1f} as a budget counts it "
            f"(making the spec: {found['spec_us']:.0f}); "
            f"fvcore {found['fvcore_ms']:.0f} ms, {found['times_faster_than_fvcore']:,.0f} times; "
            f"FlopCounterMode {found['flop_counter_ms']:.0f} ms, {found['times_faster_than_flop_counter']:,.0f} times"
        )


if __name__ == "__main__":
    main()
