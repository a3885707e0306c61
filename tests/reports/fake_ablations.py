"""Ablations that never happened, for tests only: real networks, accuracies from a made-up formula."""

import math
import random
from collections.abc import Mapping
from dataclasses import replace

from nas.cost import cost
from nas.latency.value import Latency
from nas.plan import training_seed
from nas.recipe import Recipe
from nas.record import AblationFacts, AblationRecords, DataFacts, EpochRecord, Record, VariantFacts
from nas.space import explore, recording, replaying
from search_spaces import find_reference, find_space
from studies.ablation import Ablation, Claim, Grid, Paper, reference
from studies.ablations.match import matched
from studies.ablations.resolve import Network, resolve

RECIPE = Recipe(
    name="ablation-brief", epochs=3, train_images=3000, val_images=2500, resolution=24, batch=64, max_lr=0.1, crop=3
)
LONG = replace(RECIPE, name="ablation-brief, 3 times longer", epochs=9)
STARTED = "2025-01-02T03:04:05+00:00"

SEVEN = Ablation(
    question="Does squeeze-excite pay for itself, and in which stages?",
    baseline=reference("mobilenet_v3_small"),
    variants={
        "none": {"*.se": False},
        "early": {"*.se": False, "stage[12].*.se": True},
        "late": {"*.se": False, "stage[345].*.se": True},
        "everywhere": {"*.se": True},
        "none, 3×3": {"*.se": False, "*.kernel": 3},
        "ReLU": {"*.activation": "relu"},
        "7×7 late": {"stage[45].*.kernel": 7},
    },
    paper=Paper(
        source="Howard et al. 2019, arXiv 1905.02244, section 5.3",
        says="Squeeze-excite of a quarter of the expanded width raises accuracy, for few parameters.",
        claims={"none": Claim(direction="hurts", delta=-0.012), "everywhere": Claim(direction="helps")},
    ),
    notes=("7×7 kernels on 3×3 maps, at 24 px, see mostly padding: these images cannot tell what they are worth",),
)
GRID = Ablation(
    question="Which kernel does each stage want?",
    baseline=reference("mobilenet_v3_small"),
    grid=Grid(decision="kernel", options=(3, 5, 7), stages=(1, 2, 3, 4, 5)),
)
EFFECTS = {  # of the short training; a longer one halves them
    "none": -0.045,
    "early": -0.03,
    "late": -0.004,
    "everywhere": 0.002,
    "none, 3×3": -0.06,
    "ReLU": 0.0005,
    "7×7 late": 0.03,
}


def fifty() -> Ablation:
    """Choices changed one at a time."""
    found = find_reference("mobilenet_v3_small")
    assert found.choices is not None
    domains: dict[str, tuple[object, ...]] = {}
    explore(find_space(found.space or ""), recording(replaying(found.choices), {}, domains))  # type: ignore[arg-type]
    variants = {
        f"{name} {option}": {name: option}
        for name, options in domains.items()
        for option in options
        if option != found.choices[name] and ("block" in name or "stage" in name) and "depth" not in name
    }
    some = dict(list(variants.items())[:50])
    return Ablation(question="What is each choice worth?", baseline=reference("mobilenet_v3_small"), variants=some)  # type: ignore[arg-type]


def fake_ablation(
    study: Ablation = SEVEN,
    *,
    name: str = "squeeze_excitation-cifar10",
    seeds: int = 5,
    asked: int | None = None,
    lengths: int = 2,
    long_seeds: int | None = None,
    noise: float = 0.015,
    shared: float = 0.012,
    effects: Mapping[str, float] = EFFECTS,
    flips: frozenset[str] = frozenset(),
    failed: frozenset[tuple[str, int]] = frozenset(),
    latency: bool = True,
    match: bool = False,
    curve: tuple[float, ...] | None = None,
    done: int | None = None,
    looks: tuple[int, ...] = (),
) -> AblationRecords:
    """Finished unless ``done`` limits its short trainings, or ``long_seeds`` the long ones. ``failed``: (network,
    number of the seed). ``flips``: variants whose effect is the opposite in the longer training."""
    if curve is not None:
        study = replace(study, curve=curve)
    resolved = resolve(study)
    networks = resolved.networks + (matched(resolved.networks) if match else ())
    facts = AblationFacts(
        study="squeeze_excitation",
        question=study.question,
        baseline=resolved.baseline,
        baseline_title=resolved.title,
        curve=resolved.curve,
        variants=tuple(
            VariantFacts(name=one.name, title=one.title, changes=dict(one.changes), match_of=one.match_of)
            for one in networks
            if one.width is None
        ),
        margin=study.margin,
        paper=study.paper,
        notes=study.notes,
        data=DataFacts(
            name="cifar10", label="CIFAR-10 (JPEG)", fingerprint="feedbeef", classes=10, images=50000, resolution=32
        ),
        recipe=RECIPE,
        long=LONG if lengths == 2 else None,
        seed=0,
        seeds=asked or seeds,
        looks=looks,
        command="python -m studies squeeze_excitation --seeds 5",
        machine={"processor": "a made-up machine", "cores": "2"},
        versions={"python": "3.11.0", "torch": "0.0.0"},
        started=STARTED,
        latency_target="tflite-phone" if latency else None,
        latency_fingerprint="a made-up phone" if latency else None,
        latencies={one.name: _latency(one) for one in networks} if latency else {},
    )

    def trained(recipe: Recipe, many: int) -> tuple[Record, ...]:
        return tuple(
            training(one, facts, recipe, k, effects, noise, shared, flips, failed=(one.name, k) in failed)
            for k in range(1, many + 1)
            for one in networks
        )

    long = trained(LONG, seeds if long_seeds is None else long_seeds) if lengths == 2 else ()
    return AblationRecords(name=name, facts=facts, short=trained(RECIPE, seeds)[:done], long=long)


def training(
    network: Network,
    facts: AblationFacts,
    recipe: Recipe,
    k: int,
    effects: Mapping[str, float],
    noise: float,
    shared: float,
    flips: frozenset[str],
    *,
    failed: bool = False,
) -> Record:
    """One training; its accuracy grows with the logarithm of its cost, as its width says, and has its effect."""
    native = cost(network.spec)
    long = recipe.epochs > RECIPE.epochs
    effect = effects.get(network.match_of or network.name, 0.0)
    if long:
        effect *= -1 if network.name in flips else 0.5
    wide = math.log(network.width or 1.0)
    last = 0.45 + 0.12 * long + 0.06 * wide - 0.02 * wide**2 + effect
    last += shared * random.Random(f"seed {k} {long}").gauss(0, 1)
    last += noise * random.Random(f"{network.name} {k} {long}").gauss(0, 1)
    curve = tuple(
        EpochRecord(
            train_loss=2.3 / (1 + one),
            val_accuracy=last * (1 - 0.6**one) / (1 - 0.6**recipe.epochs),
            seconds=4.0,
        )
        for one in range(1, recipe.epochs + 1)
    )
    trained = network.spec.trained_on(resolution=recipe.resolution, classes=facts.data.classes)
    return Record(
        state="failed" if failed else "complete",
        number=None,
        name=network.name,
        title=network.title,
        origin="published" if network.width == 1 else "scaled" if network.width else "variant",
        spec=network.spec,
        choices=network.choices,
        macs=native.macs,
        params=native.params,
        peak_activation_bytes=native.peak_activation_bytes,
        train_macs=cost(trained).macs,
        seed=training_seed(facts.seed, k),
        fold=k % 5,
        curve=() if failed else curve,
        reason="training loss became nan in epoch 1" if failed else None,
        recipe=recipe,
        train_seconds=4.0 * recipe.epochs,
        device="cpu, 2 threads",
        started=STARTED,
    )


def _latency(network: Network) -> Latency:
    ms = 1 + cost(network.spec).macs / 3e7
    return Latency(ms=ms, low=0.97 * ms, high=1.03 * ms)
