"""Do scores of untrained networks rank trained ones better than multiply-adds do?

    NAS_DATA_DIR=... python -m benchmarks.zero_cost DATABASE... [--bands 40 51 60] [--seeds 3] [--json]
    python -m benchmarks.zero_cost --mnasnet TABLE.csv [--networks 300] [--json]

Networks that searches trained (SQLite files, only complete trials of a search itself), or that a table of MnasNet's
space lists; those of one recipe together. Spearman's ρ of each score with validation accuracy, and the partial one when
multiply-adds are known, over all and in bands of multiply-adds (of a table: fifths), with 95% bootstrap intervals over
networks. Networks are scored in the form they were trained in, those of the table at 64 px. ``naswot`` sees noise,
``naswot_images`` the first images of CIFAR-10, where NAS_DATA_DIR says where they are.
"""

import argparse
import csv
import json
import os
import random
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np
import optuna
import torch
from scipy.stats import rankdata

from nas.arch import ArchSpec
from nas.blocks import Block, Classifier, Convolution, InvertedResidual, Pooling
from nas.command import mended_by_user
from nas.cost import cost
from nas.data import load
from nas.errors import NasError
from nas.storage import open_storage, read_run
from nas.zero_cost import BATCH, naswot, synflow

RESAMPLES = 2000
TABLE_PX = 64
LEAST_IN_BAND = 10  # networks


@dataclass(frozen=True, kw_only=True)
class Trained:
    spec: ArchSpec  # as trained
    macs: int  # as deployed
    accuracy: float


@dataclass(frozen=True, kw_only=True)
class Rank:
    """How a score ranks networks as their accuracies do."""

    score: str
    networks: int
    rho: float
    ci: tuple[float, float]
    beside_macs: float | None = None  # partial: what is left of both when multiply-adds are known
    beside_ci: tuple[float, float] | None = None


def recorded(paths: Sequence[Path]) -> dict[str, list[Trained]]:
    """Recipe and images → networks that were trained so, each once."""
    found: dict[str, dict[ArchSpec, Trained]] = defaultdict(dict)
    for path in paths:
        if not path.is_file():
            raise NasError(f"{path}: no such file; give the nas.db of a search")
        storage = open_storage(f"sqlite:///{path}")
        for name in optuna.get_all_study_names(storage):
            try:
                run = read_run(storage, name)
            except NasError:
                continue  # no search, or a part of one
            recipe, images = run.facts.recipe, run.facts.data
            for record in run.trials:
                if record.val_accuracy is None:
                    continue
                spec = record.spec.trained_on(resolution=recipe.resolution, classes=images.classes)
                one = Trained(spec=spec, macs=record.macs, accuracy=record.val_accuracy)
                key = (
                    f"{images.label}, {recipe.epochs} epochs of {recipe.train_images} images at {recipe.resolution} px"
                )
                found[key].setdefault(spec, one)
    return {key: list(networks.values()) for key, networks in found.items()}


# MnasNet's skeleton (Tan et al. 2019, figure 7): channels and stride of each of its seven blocks
SKELETON = ((16, 1), (24, 2), (40, 2), (80, 2), (112, 1), (192, 2), (320, 1))


def mnasnet(arch: str) -> ArchSpec:
    """Seven blocks of four digits: expansion, kernel, layers, squeeze-excite."""
    blocks: list[Block] = [Convolution(kernel=3, out=32, stride=2, activation="relu")]
    channels = 32
    for number, (out, stride) in enumerate(SKELETON):
        expansion, kernel, layers, squeeze = (int(digit) for digit in arch[4 * number : 4 * number + 4])
        for layer in range(layers):
            blocks.append(
                InvertedResidual(
                    kernel=kernel,
                    mid=expansion * channels,
                    out=out,
                    stride=stride if layer == 0 else 1,
                    squeeze=max(1, channels // 4) if squeeze else 0,
                )
            )
            channels = out
    blocks += [Convolution(kernel=1, out=1280, activation="relu"), Pooling(), Classifier(classes=1000)]
    return ArchSpec(resolution=224, blocks=tuple(blocks))


def listed(path: Path, count: int) -> list[Trained]:
    with path.open() as file:
        rows = random.Random(0).sample(list(csv.DictReader(file)), count)
    return [
        Trained(spec=mnasnet(row["arch"]), macs=round(1e6 * float(row["mmacs"])), accuracy=float(row["val_top1"]) / 100)
        for row in rows
    ]


def scored(
    networks: Sequence[Trained], seeds: int, images: torch.Tensor | None
) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Scores, means over seeds, and the median seconds that one takes."""
    ways: dict[str, Callable[[ArchSpec, int], float]] = {
        "synflow": lambda spec, seed: synflow(spec, seed=seed),
        "naswot": lambda spec, seed: naswot(spec, seed=seed),
    }
    if images is not None:
        ways["naswot_images"] = lambda spec, seed: naswot(spec, seed=seed, images=_resized(images, spec.resolution))
    scores: dict[str, list[float]] = {name: [] for name in ways}
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for number, network in enumerate(networks):
        for name, way in ways.items():
            begin = time.process_time()
            scores[name].append(fmean(way(network.spec, seed) for seed in range(seeds)))
            spent[name].append((time.process_time() - begin) / seeds)
        if number % 20 == 0:
            print(f"{number} of {len(networks)}", file=sys.stderr, flush=True)
    return scores, {name: median(seconds) for name, seconds in spent.items()}


def _resized(images: torch.Tensor, resolution: int) -> torch.Tensor:
    return torch.nn.functional.interpolate(images, size=resolution, mode="bilinear", antialias=True)


def ranks(networks: Sequence[Trained], scores: dict[str, list[float]]) -> list[Rank]:
    accuracies = np.array([one.accuracy for one in networks])
    macs = np.array([one.macs for one in networks], dtype=float)
    rng = np.random.default_rng(0)
    samples = [rng.integers(0, len(networks), len(networks)) for _ in range(RESAMPLES)]
    found = [
        Rank(
            score="macs",
            networks=len(networks),
            rho=_rho(macs, accuracies),
            ci=_interval(_rho, samples, macs, accuracies),
        )
    ]
    for name, values in scores.items():
        of = np.array(values)
        found.append(
            Rank(
                score=name,
                networks=len(networks),
                rho=_rho(of, accuracies),
                ci=_interval(_rho, samples, of, accuracies),
                beside_macs=_partial(of, accuracies, macs),
                beside_ci=_interval(_partial, samples, of, accuracies, macs),
            )
        )
    return found


def _rho(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(rankdata(one), rankdata(other))[0, 1])


def _partial(one: np.ndarray, other: np.ndarray, known: np.ndarray) -> float:
    a, b, c = _rho(one, other), _rho(one, known), _rho(other, known)
    return float((a - b * c) / max(np.sqrt((1 - b * b) * (1 - c * c)), 1e-12))


def _interval(of: Callable[..., float], samples: Sequence[np.ndarray], *columns: np.ndarray) -> tuple[float, float]:
    values = [of(*(column[sample] for column in columns)) for sample in samples]
    low, high = np.nanquantile(values, [0.025, 0.975])
    return float(low), float(high)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("databases", nargs="*", type=Path)
    parser.add_argument("--mnasnet", type=Path, help="a table of MnasNet's space")
    parser.add_argument("--networks", type=int, default=300, help="of the table")
    parser.add_argument("--bands", type=float, nargs="+", default=[40, 51, 60], help="their edges, 10⁶ multiply-adds")
    parser.add_argument("--seeds", type=int, default=1, help="of weights, over which scores are averaged")
    parser.add_argument("--least", type=int, default=20, help="networks of one recipe")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    groups = {key: networks for key, networks in recorded(asked.databases).items() if len(networks) >= asked.least}
    images = None
    if os.environ.get("NAS_DATA_DIR"):
        some = load("cifar10").images[:BATCH]
        images = torch.tensor(np.asarray(some)).float() / 127.5 - 1
    if asked.mnasnet:
        if not asked.mnasnet.is_file():
            raise NasError(f"--mnasnet {asked.mnasnet}: no such file")
        networks = listed(asked.mnasnet, asked.networks)
        for one in networks[:3]:
            print(f"{cost(one.spec).macs / 1e6:.3f} M counted, {one.macs / 1e6:.3f} M in the table", file=sys.stderr)
        small = [replace(one, spec=one.spec.at(resolution=TABLE_PX, strides="published")) for one in networks]
        groups[f"{asked.mnasnet.stem} at {TABLE_PX} px"] = small
    if not groups:
        raise NasError(f"no {asked.least} networks of one recipe; give databases of searches, or a table")
    document: list[dict[str, Any]] = []
    for key, networks in groups.items():
        scores, seconds = scored(networks, asked.seeds, images)
        macs = [one.macs / 1e6 for one in networks]
        edges = list(np.quantile(macs, [0, 0.2, 0.4, 0.6, 0.8, 1])) if asked.mnasnet else asked.bands
        bands = {"all": list(range(len(networks)))}
        for low, high in pairwise(edges):
            places = [at for at, one in enumerate(macs) if low <= one <= high]
            if len(places) >= LEAST_IN_BAND:
                bands[f"{low:.0f} to {high:.0f} M"] = places
        for band, places in bands.items():
            within = {name: [values[at] for at in places] for name, values in scores.items()}
            for rank in ranks([networks[at] for at in places], within):
                document.append({"group": key, "band": band, "seconds": seconds.get(rank.score), **rank.__dict__})
    if asked.json:
        print(json.dumps(document, indent=2))
        return
    for one in document:
        beside = (
            ""
            if one["beside_macs"] is None
            else (
                f", beside multiply-adds {one['beside_macs']:+.2f} "
                f"({one['beside_ci'][0]:+.2f} to {one['beside_ci'][1]:+.2f})"
            )
        )
        took = "" if one["seconds"] is None else f", {one['seconds']:.2f} s"
        print(
            f"{one['group']}; {one['band']}: {one['score']} {one['rho']:+.2f} "
            f"({one['ci'][0]:+.2f} to {one['ci'][1]:+.2f}) of {one['networks']}{beside}{took}"
        )


if __name__ == "__main__":
    with mended_by_user():
        main()
