"""How many trials does each sampler need? Measured in a table of trained networks, so nothing is trained.

    python -m benchmarks.search_quality TABLE.csv [--samplers block random tpe] [--seeds 20] [--json] [--figure F]

Every sampler searches the table under three budgets of multiply-adds, once a seed, all through the same path: only
networks that fit, none twice. Where the table is not a whole space its rows are the candidates. Regret is what the
network that a search would choose lacks, in points of accuracy, to the best one under the budget; in pairs of equal
seeds with the other samplers, with 95% intervals. Without noise a search is told the mean of all trainings and scored
by it; with noise it is told one training (the seed says which) and what it chose is scored by the mean of the others.
With two objectives, accuracy and multiply-adds, it is the share of the hypervolume that can be had. With ``--smoothed``
each search also chooses by what a Gaussian process expects of what it tried, instead of by the value told. Times are
of the processor (set OMP_NUM_THREADS=1). Stopped, it goes on where it was (``runs/benchmarks/search_quality``).
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.quality_rows import Pair, Plan, Row, Volume, VolumePair, rows_and_pairs, volumes
from benchmarks.quality_runs import run_all
from benchmarks.quality_table import Table, read
from nas.command import mended_by_user
from nas.errors import NasError
from nas.machine import machine, versions
from nas.samplers import SAMPLERS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path, metavar="TABLE.csv")
    parser.add_argument("--choices", default="arch", metavar="COLUMN", help="the column that says which network")
    parser.add_argument("--split", default="", metavar="TEXT", help="what is between choices; default: one a character")
    parser.add_argument("--unordered", action="store_true", help="choices are names, not numbers in order")
    parser.add_argument("--accuracy", nargs="+", metavar="COLUMN", help="one a training, in points; default: acc…")
    parser.add_argument("--macs", default="macs", metavar="COLUMN")
    parser.add_argument(
        "--budgets", type=float, nargs="+", default=[0.1, 0.3, 0.6], metavar="SHARE", help="of the networks fit"
    )
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--evaluations", type=int, nargs="+", default=[20, 50, 100, 200], metavar="N")
    parser.add_argument(
        "--samplers",
        nargs="+",
        choices=tuple(SAMPLERS),
        default=[name for name in SAMPLERS if not name.startswith("block_")],
        metavar="NAME",
        help="default: all but the variants of block, which differ little or know more of a network than a table says",
    )
    parser.add_argument(
        "--noise", choices=("none", "honest", "both"), default="both", help="both where there are two trainings"
    )
    parser.add_argument("--two", action="store_true", help="also with two objectives")
    parser.add_argument(
        "--smoothed",
        action="store_true",
        help="also with the choice left to a Gaussian process, as block has one",
    )
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks/search_quality"), metavar="DIR")
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with mended_by_user():
        table = table_from(options)
        plan = plan_from(options, table)
        found = run_all(
            table,
            list(plan.searches(table)),
            options.out / f"{table.name}.jsonl",
            processes=options.processes,
            say=lambda text: print(text, file=sys.stderr, flush=True),
        )
    rows, pairs = rows_and_pairs(table, plan, found)
    spanned, volume_pairs = volumes(table, plan, found)
    if options.figure:
        from benchmarks.quality_figure import draw_figure

        draw_figure(rows, options.figure)
    if options.json:
        document = {
            "table": table.name,
            "networks": len(table.rows),
            "candidates": not table.whole,
            "rows": [asdict(row) for row in rows],
            "pairs": [asdict(pair) | {"verdict": pair.verdict} for pair in pairs],
            "hypervolume": [asdict(one) for one in spanned],
            "hypervolume_pairs": [asdict(pair) | {"verdict": pair.verdict} for pair in volume_pairs],
            "machine": machine(),
            "versions": versions(),
        }
        print(json.dumps(document, indent=2))
        return
    for line in lines(rows, pairs, spanned, volume_pairs):
        print(line)


def table_from(options: argparse.Namespace) -> Table:
    """Raises ``NasError``."""
    accuracies = options.accuracy
    if accuracies is None:
        try:
            header = options.table.open().readline().strip().split(",")
        except OSError as error:
            raise NasError(f"{options.table}: cannot be read ({error.strerror})") from None
        accuracies = [name for name in header if name.startswith("acc")]
        if not accuracies:
            raise NasError(
                f"{options.table}: no column begins with acc; name them by --accuracy; there are {', '.join(header)}"
            )
    return read(
        options.table,
        choices=options.choices,
        split=options.split,
        accuracies=accuracies,
        macs=options.macs,
        ordered=not options.unordered,
    )


def plan_from(options: argparse.Namespace, table: Table) -> Plan:
    """Raises ``NasError``."""
    for flag, value, least in (
        ("--seeds", options.seeds, 1),
        ("--evaluations", min(options.evaluations), 1),
        ("--processes", options.processes, 1),
    ):
        if value < least:
            raise NasError(f"{flag} {value}: must be at least {least}")
    for share in options.budgets:
        if not 0 < share <= 1:
            raise NasError(f"--budgets {share:g}: a share of the table's networks, above 0 and at most 1")
    if options.noise == "honest" and table.trainings < 2:
        raise NasError("--noise honest: takes two accuracy columns, one to search on and one to score by")
    noises = {"none": (False,), "honest": (True,), "both": (False, True)[: min(2, table.trainings)]}[options.noise]
    return Plan(
        samplers=tuple(options.samplers),
        budgets=tuple(table.quantile(share) for share in options.budgets),
        seeds=options.seeds,
        evaluations=tuple(sorted(options.evaluations)),
        noises=noises,
        two=options.two,
        smoothed=options.smoothed,
    )


def lines(
    rows: Sequence[Row], pairs: Sequence[Pair], spanned: Sequence[Volume], volume_pairs: Sequence[VolumePair]
) -> Iterator[str]:
    for row in rows:
        error = "" if row.se is None else f" ± {row.se:.3f}"
        noise = "noise" if row.noise else "no noise"
        yield (
            f"{row.sampler:10} budget {row.budget:.6g}, {row.evaluations:3} evaluations, {noise}: "
            f"regret {row.regret:.3f}{error}, best found in {row.hits:.0%}, {row.ms:.1f} ms"
        )
    for pair in pairs:
        if pair.sampler == rows[0].sampler and pair.ci is not None:
            yield (
                f"{pair.sampler} less {pair.other}, budget {pair.budget:.6g}, {pair.evaluations} evaluations"
                f"{', noise' if pair.noise else ''}: {pair.difference:+.3f} ({pair.ci[0]:+.3f} to {pair.ci[1]:+.3f}), "
                f"{pair.verdict}"
            )
    for one in spanned:
        yield (
            f"{one.sampler:10} two objectives, budget {one.budget:.6g}, {one.evaluations:3} evaluations: "
            f"{one.share:.1%} of the hypervolume" + ("" if one.se is None else f" ± {one.se:.1%}")
        )
    for two in volume_pairs:
        if two.sampler == rows[0].sampler and two.ci is not None:
            yield (
                f"{two.sampler} less {two.other}, two objectives, budget {two.budget:.6g}, "
                f"{two.evaluations} evaluations: "
                f"{two.difference:+.1%} ({two.ci[0]:+.1%} to {two.ci[1]:+.1%}), {two.verdict}"
            )


if __name__ == "__main__":
    main()
