"""A run on the terminal and as JSON."""

import json
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from nas import front_evidence, fronts
from nas.ablation_document import summary_json as ablation_summary
from nas.ablation_evidence import missing
from nas.evidence import FINALISTS, Difference
from nas.record import AblationRecords, BaselineRecords, RunRecords, SearchFacts
from nas.trust import checked
from reports.baseline_sentences import trainings_left
from reports.sentences import export_command, summary
from reports.standing import (
    comparison,
    control,
    control_left,
    control_winner,
    front,
    front_control,
    is_demo,
    winner,
)
from reports.tables import NetworkRow, control_rows, network_json, network_rows
from reports.words import milliseconds, plural

SHOWN = 12  # rows of the terminal's table beside the references; the report has all


def table(run: RunRecords) -> Table:
    """Selected and confirmed side by side; the winner and finalists first."""
    facts = run.facts
    title = f"{run.name}: validation accuracy on {facts.data.label}" + (" (DEMO, ranks nothing)" * is_demo(facts))
    shown = Table(title=title, title_justify="left", caption_justify="left", box=box.SIMPLE_HEAD, padding=0)
    shown.caption = (
        f"MFLOPs: 10⁶ multiply-adds at {facts.budget.resolution} px, {facts.budget.classes} classes; trained MMACs: at "
        f"{facts.recipe.resolution} px, {facts.data.classes} classes. Selected: the score it was chosen by; confirmed: "
        "fresh seeds and folds."
    )
    timed = facts.budget.latency_target is not None
    if timed:
        shown.caption += f" ms: on {facts.budget.latency_target}; ≈ predicted from its blocks, otherwise measured."
    shown.add_column("network", no_wrap=True)
    costs = ("MFLOPs", "ms" if timed else "params\nM", "trained\nMMACs")
    for name in (*costs, "selected\n%", "confirmed\n%", "95%\ninterval"):
        shown.add_column(name, justify="right", no_wrap=True)
    rows = network_rows(run)
    own = [row for row in rows if row.role != "reference"]
    for row in own[:SHOWN]:
        shown.add_row(*_cells(run, row), style="bold green" if row.role == "winner" else None)
    if len(own) > SHOWN:
        shown.add_row(f"… {len(own) - SHOWN} more", style="dim")
    shown.add_section()
    for row in rows:
        if row.role == "reference":
            shown.add_row(*_cells(run, row), style="cyan")
    drawn = control_rows(run)
    if drawn:
        shown.add_section()
        for row in drawn[:FINALISTS]:
            shown.add_row(*_cells(run, row), style="magenta")
        if len(drawn) > FINALISTS:
            shown.add_row(f"… {len(drawn) - FINALISTS} more of the control", style="dim")
    return shown


def _cells(run: RunRecords, row: NetworkRow) -> list[str]:
    record = row.record
    timed = run.facts.budget.latency_target is not None
    selected = f"{100 * record.val_accuracy:.1f}" if record.val_accuracy is not None else record.state
    confirmed = "" if row.confirmed is None else f"{100 * row.confirmed.mean:.1f}"
    ci = "" if row.ci is None else f"{100 * row.ci[0]:.1f}–{100 * row.ci[1]:.1f}"
    mark = {"winner": " *", "finalist": " ·", "front": " ·", "control_winner": " ·"}.get(row.role, "")
    return [
        record.title + mark,
        f"{record.macs / 1e6:.1f}",
        milliseconds(run, record) if timed else f"{record.params / 1e6:.2f}",
        f"{record.train_macs / 1e6:.1f}",
        selected,
        confirmed,
        ci,
    ]


def run_json(run: RunRecords) -> dict[str, Any]:
    """The document of ``--json``."""
    facts = run.facts
    best = winner(run)
    against = comparison(run)
    return {
        "study": run.name,
        "dataset": facts.data.label,
        "fallback": facts.fallback,
        "effort": facts.effort,
        "recipe": facts.recipe.to_dict(),
        "budget": budget_json(facts),
        "trials": [network_json(run, record) for record in run.trials],
        "references": [network_json(run, record) for record in run.references],
        "best": None if best is None else network_json(run, best),
        "comparison": None
        if against is None
        else {
            "reference": against.reference.key,
            "difference": against.difference,
            "ci": None if against.ci is None else list(against.ci),
            "verdict": against.verdict,
            "seeds": list(against.seeds),
        },
        **front_json(run),
        "control": control_json(run),
        "trust": trust_json(run),
        "export": export_command(run) or None,
        "next": next_command(run),
    }


def front_json(run: RunRecords) -> dict[str, Any]:
    """What is searched for; with several objectives the selected front's numbers, cheapest first, what is known of each
    on fresh seeds, and the volume after every trial with where it is counted from."""
    facts, goal = run.facts, run.facts.goal
    asked: dict[str, Any] = {"objectives": ["mnasnet"] if goal.reward else list(goal.objectives)}
    if goal.reward is not None:
        asked["mnasnet"] = {"target_ms": goal.reward.target_ms, "w": goal.reward.w, "form": goal.reward.form}
    if not goal.several:
        return asked
    found = front(run)
    origin = fronts.origin(run)
    return {
        **asked,
        "front": [member.record.number for member in found],
        "confirmed_front": [member.record.number for member in found if member.holds],
        "front_comparisons": {
            f"{member.record.number}": difference_json(member.against) for member in found if member.confirmed
        },
        "hypervolume": [] if is_demo(facts) else fronts.progress(run.trials, facts, origin),
        "hypervolume_reference": {
            "accuracy": origin.accuracy,
            **{cost.attribute: value for cost, value in zip(goal.costs, origin.costs, strict=True)},
        },
    }


def difference_json(found: Difference | None) -> dict[str, Any] | None:
    """A front's member against the reference's curve at its cost."""
    if found is None:
        return None
    return {"reference": front_evidence.BASE, **_difference(found)}


def _difference(found: Difference) -> dict[str, Any]:
    return {
        "difference": found.value,
        "ci": None if found.ci is None else list(found.ci),
        "verdict": found.verdict,
        "seeds": list(found.seeds),
    }


def control_json(run: RunRecords) -> dict[str, Any] | None:
    """The networks drawn at random beside the search, and whether it beat them; None where that was not asked for."""
    facts = run.facts
    if facts.control is None and not run.control:
        return None
    best = control_winner(run)
    grown = facts.goal.several and not is_demo(facts)
    return {
        "sampler": "random",
        "networks": [network_json(run, record) for record in run.control],
        "networks_left": control_left(run),
        "best": None if best is None else best.key,
        "comparison": _beaten_json(run),
        **({"hypervolume": fronts.progress(run.control, facts, fronts.origin(run))} if grown else {}),
    }


def _beaten_json(run: RunRecords) -> dict[str, Any] | None:
    """Of two winners' accuracies (or rewards), or of two fronts' volumes; None until there is something to compare."""
    winners, volumes = control(run), front_control(run)
    if winners is not None:
        best = {"winner": winners.winner.key, "control": winners.control.key, "same": winners.same}
        return {**best, "candidates": list(winners.candidates), **_difference(winners.difference)}
    if volumes is not None:
        return {"members": list(volumes.members), **_difference(volumes.difference)}
    return None


def trust_json(run: RunRecords) -> dict[str, Any] | None:
    """How the trials' ranking agrees with longer trainings of some of them; None where that was not asked for."""
    found = checked(run)
    if found is None:
        return None
    return {
        "trials": list(found.numbers),
        "val_accuracy": list(found.short),
        "longer": list(found.long),
        "verdict": found.all.verdict,
        **{
            of: {"tau": part.tau, "ci": None if part.ci is None else list(part.ci), "networks": part.networks}
            for of, part in (("all", found.all), ("top", found.top))
        },
    }


def budget_json(facts: SearchFacts) -> dict[str, Any]:
    """``resolution``, ``classes``, and a ceiling for each given."""
    budget = facts.budget
    given = {
        "macs": budget.macs,
        "params": budget.params,
        "size_bytes": budget.size_bytes,
        "size_at": budget.size_at,
        "peak_activation_bytes": budget.memory_bytes,
        "latency_ms": budget.latency_ms,
        "latency_target": budget.latency_target,
    }
    return {
        "resolution": facts.budget.resolution,
        "classes": facts.budget.classes,
        **{name: limit for name, limit in given.items() if limit is not None},
    }


def next_command(run: RunRecords) -> str:
    """What to type next: images for a demonstration, the same again for an unfinished run, else more trials."""
    facts = run.facts
    if not facts.command.startswith(("python", "nas")):
        return f"run_search(…, trials={2 * max(1, len(run.trials))}) on {run.name}"
    if facts.fallback:
        return _with(facts.command, dataset="cifar10", data_dir="DIR")
    if is_demo(facts):
        return _with(_without(facts.command, "trials", "epochs", "train_images"), effort="brief")
    if (len(run.trials) < facts.trials or control_left(run)) and "--time" not in facts.command:
        return facts.command
    more: dict[str, Any] = {"trials": 2 * len(run.trials)}
    found = comparison(run)
    verdicts = [member.against.verdict for member in front(run) if member.against is not None]
    if found is not None:
        verdicts.append(found.verdict)
    verdicts += [one.difference.verdict for one in (control(run), front_control(run)) if one is not None]
    if "not shown" in verdicts and facts.confirm < 5:
        more["confirm"] = 5
    return _with(facts.command, **more)


def _with(command: str, **options: Any) -> str:
    """The command with these options, instead of its own where it has them."""
    command = _without(command, *options)
    for name, value in options.items():
        command += f" --{name.replace('_', '-')} {shlex.quote(str(value))}"
    return command


def _without(command: str, *options: str) -> str:
    for name in options:
        command = re.sub(rf" --{name.replace('_', '-')}[ =](?:'[^']*'|\S+)", "", command)
    return command


def summary_json(run: RunRecords | BaselineRecords | AblationRecords) -> dict[str, Any]:
    """One run in ``nas list --json``."""
    if isinstance(run, AblationRecords):
        return ablation_summary(run)
    return _baselines_summary(run) if isinstance(run, BaselineRecords) else _search_summary(run)


def _search_summary(run: RunRecords) -> dict[str, Any]:
    best = winner(run)
    return {
        "study": run.name,
        "kind": "search",
        "space": run.facts.space,
        "dataset": run.facts.data.label,
        "fallback": run.facts.fallback,
        "effort": run.facts.effort,
        "budget": budget_json(run.facts),
        "trials_asked": run.facts.trials,
        "trials_done": len(run.trials),
        "confirmations": len(run.confirmations),
        "best": None if best is None else network_json(run, best),
        "started": run.facts.started,
    }


def _baselines_summary(run: BaselineRecords) -> dict[str, Any]:
    return {
        "study": run.name,
        "kind": "baselines",
        "dataset": run.facts.data.label,
        "effort": run.facts.effort,
        "networks": list(run.facts.networks),
        "seeds": run.facts.seeds,
        "trainings_done": len(run.trainings),
        "trainings_left": trainings_left(run),
        "started": run.facts.started,
    }


def list_table(runs: Sequence[RunRecords | BaselineRecords | AblationRecords]) -> Table:
    """What ``nas list`` prints."""
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    shown.add_column("study", no_wrap=True)
    for name in ("data", "trials", "best"):
        shown.add_column(name)
    for run in runs:
        done, best = _done_and_best(run)
        shown.add_row(run.name, run.facts.data.label, done, best)
    return shown


def _done_and_best(run: RunRecords | BaselineRecords | AblationRecords) -> tuple[str, str]:
    if isinstance(run, AblationRecords):
        done, left = len(run.short) + len(run.long), missing(run, "short") + missing(run, "long")
        return f"{done}/{done + left}", f"{run.facts.study}: {plural(len(run.facts.variants), 'variant')}"
    if isinstance(run, BaselineRecords):
        done, left = len(run.trainings), trainings_left(run)
        return f"{done}/{done + left}", f"baselines: {len(run.facts.networks)} networks"
    best = winner(run)
    named = "" if best is None else f"{best.title}, {best.macs / 1e6:.1f} MFLOPs"
    if run.facts.goal.several:
        named = f"a front of {len(front(run))}"
    return f"{len(run.trials)}/{run.facts.trials}", "demo" if is_demo(run.facts) else named


def finish(run: RunRecords, page: Path, *, as_json: bool) -> None:
    """The end of a command: table, report, three lines; on stderr when stdout is for the JSON document."""
    out = Console(stderr=as_json)
    out.print(table(run))
    out.print(f"report: {page}", soft_wrap=True, highlight=False)
    take_away = export_command(run)
    if take_away:
        out.print(f"take it away: {take_away}", soft_wrap=True, highlight=False, markup=False)
    for line in summary(run, next_command=next_command(run)):
        out.print(line, soft_wrap=True, highlight=False, markup=False)
    if as_json:
        print(json.dumps(run_json(run), indent=2))
