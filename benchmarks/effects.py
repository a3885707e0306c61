"""Do the numbers of an ablation hold? Studies with known effects, simulated, judged by nas.effects.

    python -m benchmarks.effects [--studies 10000] [--only TEXT] [--json]

Every study draws accuracy = network + seed + rest. Counted is whether all intervals of its family cover the truth,
whether it claims a difference that is not there or the wrong way round (family-wise error), whether it calls a
difference of the margin or more none, and how often each difference is shown. Noise is 0.6 points of rest and 0.8 of
seed where nothing else is said. Studies are judged all at once by the library's parts (``judge``); some of each kind by
the library's functions as well, which must come out the same. Some minutes on one core.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import curve_fit
from scipy.special import stdtrit
from scipy.stats import multivariate_t

from nas.effects import LEVEL, LOOKS, MARGIN, as_changed, at_equal_cost, smallest_shown, spent
from nas.effects.curve import between, curve_of, degree_for, weights
from nas.effects.simultaneous import critical
from nas.effects.spread import correlations, spread_of
from nas.effects.table import Table
from nas.effects.two_way import design_of
from nas.effects.variances import AGREE, agreements, can_tell

Array = NDArray[np.float64]
POINT = 0.01
ALSO = 25  # studies of each kind that the library's functions judge too
WIDTHS = {"×0.5": 149.5, "×0.75": 325.4, "×1": 568.7, "×1.25": 880.0}  # MobileNetV1, MMACs
TABLE6 = {41.0: 50.6, 149.5: 63.7, 325.4: 68.4, 568.7: 70.6}  # MobileNetV1: MMACs → top-1, its table 6
OFF = (0.0, -0.8, 0.8, -0.4)  # points; what rounding channels to eights may do to widths
VARIANTS = {"cheaper": 280.0, "as dear": 520.0, "dearer": 700.0}  # MMACs


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Studies of one kind, in points of accuracy."""

    name: str
    means: tuple[float, ...]  # of the networks; as changed the baseline is first
    rows: Array  # (effects, networks)
    truth: tuple[float, ...]  # of the effects
    seeds: int = 5
    rest: float | tuple[float, ...] = 0.6  # of one training, or of each network's
    seed: float = 0.8  # common to a seed
    tails: float | None = None  # degrees of freedom of Student's t for the rest; None: normal
    missing: tuple[tuple[int, int], ...] = ()  # trainings (network, seed) that are not there
    looks: tuple[int, ...] = ()  # stops at the first where all is settled
    curve: bool = False
    straight: bool = False  # the truth goes from width to width, and is no parabola

    def draw(self, studies: int, rng: np.random.Generator) -> Array:
        """(studies, networks, seeds) in fractions, NaN where a training is missing."""
        shape = (studies, len(self.means), self.seeds)
        noise = rng.standard_normal(shape)
        if self.tails is not None:
            noise = rng.standard_t(self.tails, shape) * ((self.tails - 2) / self.tails) ** 0.5
        noise *= np.broadcast_to(self.rest, len(self.means))[:, None]
        common = self.seed * rng.standard_normal((studies, 1, self.seeds))
        values: Array = (np.array(self.means)[:, None] + common + noise) * POINT
        for network, seed in self.missing:
            values[:, network, seed] = np.nan
        return values


def changed(name: str, truth: Sequence[float], **facts: Any) -> Kind:
    """Variants against one baseline."""
    rows = np.column_stack([-np.ones(len(truth)), np.eye(len(truth))])
    return Kind(name=name, means=(60.0, *(60 + one for one in truth)), rows=rows, truth=tuple(truth), **facts)


def at_cost(
    name: str, truth: Sequence[float], *, parabola: bool, off: Sequence[float] | None = None, **facts: Any
) -> Kind:
    """Variants against the curve of MobileNetV1's widths: a − b / cost^c through its table 6, or a parabola's. ``off``:
    how far each width is from that; the truth is then what straight lines between the widths say."""
    (a, b, c), _ = curve_fit(lambda cost, a, b, c: a - b * cost**-c, [*TABLE6], [*TABLE6.values()], p0=(75, 300, 0.7))
    costs = [*WIDTHS.values()]
    fit = weights(costs, [*costs, *VARIANTS.values()], degree_for(costs))
    curve = a - b * np.array([*costs, *VARIANTS.values()]) ** -c
    if parabola:
        curve = fit @ curve[: len(costs)]
    if off is not None:
        curve[: len(costs)] += off
        curve[len(costs) :] = between(costs, [*VARIANTS.values()]) @ curve[: len(costs)]
    means = curve + np.array([0.0] * len(costs) + list(truth))
    rows = np.hstack([-fit[len(costs) :], np.eye(len(truth))])
    return Kind(
        name=name,
        means=tuple(means.tolist()),
        rows=rows,
        truth=tuple(truth),
        curve=True,
        straight=off is not None,
        **facts,
    )


def kinds() -> list[Kind]:
    mixed, margin = (0.0, 0.3, 1.5, -0.6), 100 * MARGIN
    quiet = {"rest": 0.15, "seed": 0.2}
    found = [
        *(changed(f"nothing, {n} seeds", (0.0,) * 4, seeds=n) for n in (3, 5, 10, 20)),
        *(changed(f"none, small, large; {n} seeds", mixed, seeds=n) for n in (5, 10, 20)),
        changed("one variant, 5 seeds", (0.0,)),
        changed("15 variants, 5 seeds", (0.0,) * 12 + (0.3, 0.6, 1.5)),
        changed("at the margin, quiet, 5 seeds", (margin, -margin, margin, -margin), **quiet),
        changed("at the margin, quiet, 10 seeds", (margin, -margin, margin, -margin), **quiet, seeds=10),
        changed("nothing, quiet, 10 seeds", (0.0,) * 4, **quiet, seeds=10),
        changed("trainings missing", mixed, missing=((4, 3), (4, 4), (2, 4), (0, 1))),
        changed("heavy tails (t, 4 df)", mixed, tails=4.0),
        changed("loud: 1.3 of rest and seed", mixed, rest=1.3, seed=1.3),
        changed("one variant scatters twice as much", mixed, rest=(0.6, 0.6, 0.6, 1.2, 0.6)),
        changed("… 10 seeds", mixed, rest=(0.6, 0.6, 0.6, 1.2, 0.6), seeds=10),
        changed("one variant scatters four times as much", mixed, rest=(0.6, 0.6, 0.6, 2.4, 0.6)),
        changed("the baseline scatters twice as much", mixed, rest=(1.2, 0.6, 0.6, 0.6, 0.6)),
        changed("until settled: nothing", (0.0,) * 4, seeds=LOOKS[-1], looks=LOOKS),
        changed("until settled: none, small, large", mixed, seeds=LOOKS[-1], looks=LOOKS),
        changed("until settled: quiet", (0.0, margin, 1.5, -0.6), **quiet, seeds=LOOKS[-1], looks=LOOKS),
        changed("until settled: quiet, nothing", (0.0,) * 4, **quiet, seeds=LOOKS[-1], looks=LOOKS),
        changed("until settled: at the margin, quiet", (margin, -margin) * 2, **quiet, seeds=LOOKS[-1], looks=LOOKS),
        at_cost("at equal cost: parabola, 5 seeds", (0.0, 0.3, 1.5), parabola=True),
        at_cost("at equal cost: parabola, 10 seeds", (0.0, 0.3, 1.5), parabola=True, seeds=10),
        at_cost("at equal cost: as V1's widths, 5 seeds", (0.0, 0.3, 1.5), parabola=False),
        at_cost("at equal cost: as V1's widths, 20 seeds", (0.0, 0.3, 1.5), parabola=False, seeds=20),
        at_cost("at equal cost: widths off a parabola, 5 seeds", (0.0, 0.3, 1.5), parabola=True, off=OFF),
        at_cost("at equal cost: widths off a parabola, 20 seeds", (0.0, 0.3, 1.5), parabola=True, off=OFF, seeds=20),
    ]
    for seeds in (5, 10, 20):
        smallest = smallest_shown(seeds=seeds, variants=4, sigma=0.006) or 0.0
        found.append(changed(f"power: {100 * smallest:.2f} points, {seeds} seeds", (100 * smallest,) * 4, seeds=seeds))
    smallest = smallest_shown(seeds=40, variants=4, sigma=0.0015) or 0.0
    found.append(
        changed(f"power: {100 * smallest:.2f} points, quiet, 40 seeds", (100 * smallest,) * 4, **quiet, seeds=40)
    )
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervals:
    """(studies, effects) each; and which studies pooled their variance."""

    low: Array
    high: Array
    pooled: NDArray[np.bool_]

    @property
    def none(self) -> NDArray[np.bool_]:
        return (self.low > -MARGIN) & (self.high < MARGIN)

    @property
    def helps(self) -> NDArray[np.bool_]:
        return (self.low > 0) & ~self.none

    @property
    def hurts(self) -> NDArray[np.bool_]:
        return (self.high < 0) & ~self.none


def judge(values: Array, rows: Array, alpha: float) -> Intervals:
    """What nas.effects says of many tables with trainings in the same places: (studies, networks, seeds)."""
    table = Table(("",) * values.shape[1], tuple(range(values.shape[2])), values[0])
    design, there = design_of(table), table.there
    cells = values[:, there]
    residuals = cells - cells @ design.basis @ design.basis.T
    sigma = np.sqrt((residuals**2).sum(axis=1) / design.df)
    pooled = agreements(residuals, table) >= AGREE if can_tell(table) else np.ones(len(values), dtype=bool)
    delta = cells @ design.solve[: values.shape[1]].T @ rows.T
    quantile = critical(correlations(rows, design.unit), design.df, alpha)
    half = quantile * sigma[:, None] * np.sqrt(np.diag(rows @ design.unit @ rows.T))
    own, own_half = np.empty_like(delta), np.empty_like(half)
    for at, row in enumerate(rows):
        used = row != 0
        differences = np.einsum("k,skn->sn", row[used], values[:, used][:, :, there[used].all(axis=0)])
        count = differences.shape[1]
        own[:, at] = differences.mean(axis=1)
        own_half[:, at] = -stdtrit(count - 1, alpha / 2 / len(rows)) * differences.std(axis=1, ddof=1) / count**0.5
    delta = np.where(pooled[:, None], delta, own)
    half = np.where(pooled[:, None], half, np.maximum(half, own_half))
    return Intervals(low=delta - half, high=delta + half, pooled=pooled)


def judge_at_cost(kind: Kind, values: Array) -> Intervals:
    """The same where the curve is a parabola unless the widths are shown not to lie on one."""
    smooth = judge(values, kind.rows, 1 - LEVEL)
    costs, rows = [*WIDTHS.values()], kind.rows.copy()
    rows[:, : len(costs)] = -between(costs, [*VARIANTS.values()])
    straight = judge(values, rows, 1 - LEVEL)
    fits = np.array([parabola_fits(study) for study in values])
    low, high = (
        np.where(fits[:, None], one, other) for one, other in ((smooth.low, straight.low), (smooth.high, straight.high))
    )
    return Intervals(low=low, high=high, pooled=smooth.pooled)


def parabola_fits(study: Array) -> bool:
    table = Table((*WIDTHS, *VARIANTS), tuple(range(study.shape[1])), study)
    return curve_of("macs", [*WIDTHS.items()], table, spread_of(table)[0]).fits


def until_settled(kind: Kind, values: Array) -> tuple[Intervals, Array]:
    """Every study at the look where it stopped, and the seeds it took."""
    low, high = (np.full((len(values), len(kind.rows)), np.nan) for _ in range(2))
    pooled, seeds = np.ones(len(values), dtype=bool), np.zeros(len(values))
    going = np.ones(len(values), dtype=bool)
    for look in kind.looks:
        found = judge(values[:, :, :look], kind.rows, spent(look, kind.looks))
        low[going], high[going], pooled[going], seeds[going] = (
            found.low[going],
            found.high[going],
            found.pooled[going],
            look,
        )
        going &= ~(found.none | found.helps | found.hurts).all(axis=1)
    return Intervals(low=low, high=high, pooled=pooled), seeds


def measure(kind: Kind, studies: int, rng: np.random.Generator, worths: int = 500) -> dict[str, Any]:
    """``worths``: of so many studies at equal cost also the intervals of worth, by the library's function."""
    values = kind.draw(studies, rng)
    seeds = np.full(studies, float(kind.seeds))
    if kind.looks:
        found, seeds = until_settled(kind, values)
    else:
        found = judge_at_cost(kind, values) if kind.curve else judge(values, kind.rows, 1 - LEVEL)
        same_as_library(kind, values, found)
    truth = np.array(kind.truth) * POINT
    covered = ((found.low <= truth) & (truth <= found.high)).all(axis=1)
    wrong = ((found.helps & (truth <= 0)) | (found.hurts & (truth >= 0))).any(axis=1)
    wrong_none = (found.none & (np.abs(truth) >= MARGIN - 1e-12)).any(axis=1)
    row: dict[str, Any] = {
        "name": kind.name,
        "studies": studies,
        "coverage": rate(covered),
        "family_wise_error": rate(wrong),
        "equivalence_wrong": rate(wrong_none) if (np.abs(truth) >= MARGIN - 1e-12).any() else None,
        "truth": list(kind.truth),
        "shown": (found.helps | found.hurts).mean(axis=0).tolist(),
        "no_practical_difference": found.none.mean(axis=0).tolist(),
        "pooled": float(found.pooled.mean()),
        "seeds": float(seeds.mean()),
    }
    if kind.curve:
        always = judge(values, kind.rows, 1 - LEVEL)
        row["coverage_of_a_parabola"] = rate(((always.low <= truth) & (truth <= always.high)).all(axis=1))
        row["worth"] = worth_of(kind, values[:worths])
    return row


def rate(happened: NDArray[np.bool_]) -> dict[str, float]:
    """Share of studies, and the standard error that so many studies leave."""
    share = float(happened.mean())
    return {"rate": share, "error": (max(share * (1 - share), 1e-9) / len(happened)) ** 0.5}


def scores(kind: Kind, study: Array) -> dict[str, dict[int, float]]:
    return {
        name: {seed + 1: float(one) for seed, one in enumerate(line) if not np.isnan(one)}
        for name, line in zip(names(kind), study, strict=True)
    }


def names(kind: Kind) -> list[str]:
    return [*WIDTHS, *VARIANTS] if kind.curve else [f"network {n}" for n in range(len(kind.means))]


def same_as_library(kind: Kind, values: Array, found: Intervals) -> None:
    """RuntimeError where the library's own functions give another interval."""
    for at in range(ALSO):
        table = scores(kind, values[at])
        if kind.curve:
            family = at_equal_cost(table, baseline_curve=[*WIDTHS.items()], variants=VARIANTS, axis="macs").effects
        else:
            family = as_changed(table, baseline=names(kind)[0], variants=names(kind)[1:]).effects
        theirs = np.array([one.ci for one in family])
        if not np.allclose(theirs, np.column_stack([found.low[at], found.high[at]]), atol=1e-12):
            raise RuntimeError(f"{kind.name}, study {at}: {theirs} is not {found.low[at]} to {found.high[at]}")


def worth_of(kind: Kind, values: Array) -> dict[str, Any]:
    """How often the intervals of what each variant is worth hold, all of a study's at once.

    The truth is where the curve through the widths' means has the variant's mean.
    """
    costs = [*WIDTHS.values()]
    grid = np.geomspace(costs[0], costs[-1], 20001)
    at = grid.tolist()
    read = between(costs, at) if kind.straight else weights(costs, at, degree_for(costs))
    curve = read @ kind.means[: len(costs)]
    held, opened = [], 0
    truth = {
        name: float(grid[int(np.argmax(curve >= mean))]) / VARIANTS[name] - 1 if curve.max() >= mean else np.inf
        for name, mean in zip(VARIANTS, kind.means[len(costs) :], strict=True)
    }
    for study in values:
        family = at_equal_cost(scores(kind, study), baseline_curve=[*WIDTHS.items()], variants=VARIANTS, axis="macs")
        inside = []
        for effect in family.effects:
            low, high = effect.worth_ci or (None, None)
            inside.append((low is None or low <= truth[effect.name]) and (high is None or truth[effect.name] <= high))
            opened += low is None or high is None
        held.append(all(inside))
    return {
        "truth": {name: one if np.isfinite(one) else None for name, one in truth.items()},
        "coverage": rate(np.array(held)),
        "open_ends": opened / len(held) / len(VARIANTS),
    }


def by_hand() -> list[dict[str, float]]:
    """The chance outside nas.effects' quantiles by scipy's multivariate t: should be 1 − level."""
    found = []
    for variants, seeds in ((2, 5), (4, 5), (4, 20), (10, 5)):
        correlation = (np.eye(variants) + 1) / 2
        df = variants * (seeds - 1)
        quantile = critical(correlation, df, 1 - LEVEL)
        ends = np.full(variants, quantile)
        inside = multivariate_t(shape=correlation, df=df, allow_singular=True, seed=1).cdf(
            ends, lower_limit=-ends, maxpts=400_000, random_state=1
        )
        found.append({"variants": variants, "df": df, "critical": quantile, "outside_by_scipy": 1 - float(inside)})
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=10_000, help="of each kind")
    parser.add_argument(
        "--worths", type=int, default=500, help="studies of each kind at equal cost whose worth is read"
    )
    parser.add_argument("--only", default="", help="kinds whose name contains this")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = []
    for number, kind in enumerate(kinds()):
        if options.only in kind.name:
            rows.append(measure(kind, options.studies, np.random.default_rng([options.seed, number]), options.worths))
            print(line(rows[-1]), file=sys.stderr if options.json else sys.stdout, flush=True)
    document = {"level": LEVEL, "margin": MARGIN, "kinds": rows, "by_hand": by_hand()}
    if options.json:
        print(json.dumps(document, indent=2))
        return
    for one in by_hand():
        print(
            f"{one['variants']} variants, {one['df']} df: ±{one['critical']:.4f}, outside {one['outside_by_scipy']:.4%}"
        )


def line(row: dict[str, Any]) -> str:
    def percent(one: dict[str, float] | None) -> str:
        return "–" if one is None else f"{one['rate']:.2%} ± {one['error']:.2%}"

    shown = " ".join(
        f"{truth:+.2f}: {shown:.1%}/{none:.1%}"
        for truth, shown, none in zip(row["truth"][:5], row["shown"], row["no_practical_difference"], strict=False)
    )
    text = (
        f"{row['name']}: covers {percent(row['coverage'])}, wrong claim {percent(row['family_wise_error'])}, "
        f"equivalence wrong {percent(row['equivalence_wrong'])}; shown/none {shown}; pooled {row['pooled']:.1%}, "
        f"{row['seeds']:.1f} seeds"
    )
    worth = row.get("worth")
    if worth is None:
        return text
    return (
        f"{text}; always a parabola covers {percent(row['coverage_of_a_parabola'])}; worth covers "
        f"{percent(worth['coverage'])}, open {worth['open_ends']:.1%}"
    )


if __name__ == "__main__":
    main()
