"""The baselines on the terminal."""

import json
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from nas.record import BaselineRecords
from reports.baseline_rows import BaselineRow, baseline_rows, baselines_json, rate_checks
from reports.baseline_sentences import at_chance_words, left_out_words, still_to_do


def table(run: BaselineRecords) -> Table:
    """One network a row, the most accurate first."""
    facts = run.facts
    shown = Table(
        title=f"{run.name}: validation accuracy on {facts.data.label}",
        title_justify="left",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        padding=0,
    )
    shown.caption = (
        "MFLOPs: 10⁶ multiply-adds in the native form; trained: at "
        f"{facts.recipe.resolution} px and {facts.data.classes} classes, the form whose accuracy it is, with its "
        "weights in fp32. Interval: Student's t over the network's own seeds."
    )
    shown.add_column("network", no_wrap=True)
    for name in (
        "MFLOPs",
        "trained\nMMACs",
        "trained\nparams M",
        "size\nMB",
        "rate",
        "seeds",
        "accuracy\n%",
        "95%\ninterval",
    ):
        shown.add_column(name, justify="right", no_wrap=True)
    for row in baseline_rows(run):
        shown.add_row(*_cells(row))
    return shown


def _cells(row: BaselineRow) -> list[str]:
    return [
        row.title,
        f"{row.native.macs / 1e6:.1f}",
        f"{row.trained.macs / 1e6:.1f}",
        f"{row.trained.params / 1e6:.2f}",
        f"{row.size_bytes / 1e6:.1f}",
        "" if row.max_lr is None else f"{row.max_lr:g}",
        str(len(row.accuracies)),
        "failed" if row.mean is None else f"{100 * row.mean:.1f}",
        "" if row.ci is None else f"{100 * row.ci[0]:.1f}–{100 * row.ci[1]:.1f}",
    ]


def finish(run: BaselineRecords, page: Path, *, as_json: bool) -> None:
    """The end of a command: table, rates, what is missing, report; on stderr when stdout is for the JSON document."""
    out = Console(stderr=as_json)
    out.print(table(run))
    lines = [f"{row.title}: {reason}" for row in baseline_rows(run) for reason in row.failed]
    for check in rate_checks(run):
        at = ", ".join(
            f"{rate:g}: {'failed' if value is None else f'{value:.1%}'}" for rate, value in check.tried.items()
        )
        lines.append(f"learning rates of {check.family}, on {check.title}: {at}")
    lines += [*left_out_words(run), *at_chance_words(run)]
    todo = still_to_do(run)
    lines += [f"still to do: {'; '.join(todo)}"] if todo else []
    for line in (*lines, f"report: {page}"):
        out.print(line, soft_wrap=True, highlight=False, markup=False)
    if as_json:
        print(json.dumps(baselines_json(run), indent=2))
