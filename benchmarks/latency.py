"""How well a network's latency is predicted from its blocks.

    python -m benchmarks.latency --json

Measures the table of a space where this machine does not have it yet, then whole networks without a part in it: random
ones of the space, and published networks at widths the space does not have, whose blocks are not in the table and are
estimated. Leave the machine to itself meanwhile. docs/performance.md has the figures.
"""

import argparse
import json
import random
import sys
from dataclasses import replace

import numpy as np
from scipy.stats import spearmanr

from nas.arch import ArchSpec
from nas.cost import cost
from nas.draw import draw
from nas.latency.build import measure
from nas.latency.find import calibration_key, find, predictor, stopwatch_for
from nas.latency.predict import Predictor, placed
from nas.latency.value import Latency
from search_spaces import REFERENCES, find_space

NETWORKS = 40  # random ones of the space
OTHERS = ("mobilenet_v3_small", "mobilenet_v3_large")  # scaled to widths that are in no space
WIDTHS = (0.4, 0.55, 0.65, 0.85, 1.1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", default="mobilenet_v3", metavar="NAME")
    parser.add_argument("--latency-target", default="onnxruntime-cpu", metavar="NAME")
    parser.add_argument("--resolution", type=int, default=224, metavar="PX")
    parser.add_argument("--networks", type=int, default=NETWORKS, metavar="N")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    document = check(options.space, options.latency_target, options.resolution, options.networks)
    if options.json:
        print(json.dumps(document, indent=2))
        return
    print(
        f"{document['target']}, {document['space']} at {document['resolution']} px: median error "
        f"{document['median_relative_error']:.1%}, Spearman {document['spearman']:.3f}; by multiply-adds alone "
        f"{document['flops_only_error']:.1%} ({document['flops_only_spearman']:.3f})"
    )
    for part in ("known", "estimated"):
        one = document[part]
        print(f"  {one['networks']} networks, {part}: {one['median_relative_error']:.1%}")
    print(f"  measured again: {document['repeated']:.1%} in the median")


def check(name: str, target: str, resolution: int, count: int) -> dict[str, object]:
    """Relative errors as fractions, over ``count`` random networks and those with blocks the table lacks."""
    space, found = find_space(name), find(target)
    stopwatch = stopwatch_for(found)
    if stopwatch is None:
        sys.exit(f"{target}: measured elsewhere; nothing can be checked here")

    def form(spec: ArchSpec) -> ArchSpec:
        return spec.at(resolution=resolution, classes=1000, strides="published")

    key = calibration_key(name, space, resolution=resolution, classes=1000)
    predict = predictor(found, space, form, key=key, say=lambda text: print(text, file=sys.stderr), stopwatch=stopwatch)
    rng, specs = random.Random("benchmark"), dict[ArchSpec, None]()
    while len(specs) < count:
        spec = form(draw(space, rng).spec)
        if spec not in found.table.networks:
            specs[spec] = None
    others = [form(REFERENCES[one].scaled(width)) for one in OTHERS for width in WIDTHS]
    every = [*specs, *others]
    fitted = list(found.table.networks)
    predicted = [predict(spec) for spec in every]  # before any of them is measured
    table = replace(found.table, networks={})  # so that all are measured now
    measured = measure(table, stopwatch, every)
    again = measure(replace(table, networks={}), stopwatch, every[:12])
    by_macs = _line_in_macs(predict, fitted, every)
    known = [all(one in found.table.blocks for one in placed(spec)) for spec in every]
    return {
        "target": found.table.name,
        "fingerprint": found.table.fingerprint,
        "space": name,
        "resolution": resolution,
        "networks": len(every),
        "blocks": len(found.table.blocks),
        **_errors([one.ms for one in predicted], measured),
        "flops_only_error": _errors(by_macs, measured)["median_relative_error"],
        "flops_only_spearman": _errors(by_macs, measured)["spearman"],
        "known": _part(predicted, measured, known),
        "estimated": _part(predicted, measured, [not one for one in known]),
        "inside_interval": float(np.mean([p.low <= m.ms <= p.high for p, m in zip(predicted, measured, strict=True)])),
        "repeated": float(np.median([abs(b.ms / a.ms - 1) for a, b in zip(measured[:12], again, strict=True)])),
    }


def _errors(predicted: list[float], measured: list[Latency]) -> dict[str, float]:
    true = np.array([one.ms for one in measured])
    errors = np.abs(np.array(predicted) / true - 1)
    return {
        "median_relative_error": float(np.median(errors)),
        "error_95": float(np.quantile(errors, 0.95)),
        "spearman": float(spearmanr(predicted, true).statistic),
    }


def _part(predicted: list[Latency], measured: list[Latency], chosen: list[bool]) -> dict[str, float | int]:
    pairs = [(p.ms, m) for p, m, one in zip(predicted, measured, chosen, strict=True) if one]
    return {"networks": len(pairs), **(_errors([p for p, _ in pairs], [m for _, m in pairs]) if pairs else {})}


def _line_in_macs(predict: Predictor, fitted: list[ArchSpec], every: list[ArchSpec]) -> list[float]:
    """What a line in multiply-adds says, fitted to the networks that calibrated the sum of blocks."""
    ms = np.array([predict.table.networks[spec].ms for spec in fitted])
    rows = np.array([[cost(spec).macs / 1e6, 1.0] for spec in fitted])
    (slope, constant), *_ = np.linalg.lstsq(rows / ms[:, None], np.ones(len(ms)), rcond=None)
    return [float(slope) * cost(spec).macs / 1e6 + float(constant) for spec in every]


if __name__ == "__main__":
    main()
