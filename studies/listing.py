"""``python -m studies``: every study's question, what it costs, and whether it has run here."""

import json
from importlib import import_module
from pathlib import Path
from typing import Any

from studies import BASELINES, STUDIES
from studies.ablation import Ablation
from studies.ablations.resolve import resolve

QUESTION = "What do published networks reach here, trained alike?"  # of the baselines
LENGTHS = 2  # of training


def show(runs: Path, storage: str | None, *, as_json: bool, command: str) -> None:
    """A few lines a study, or one JSON document. What was run of a user's own is listed too."""
    there = _there(runs, storage)
    found = [_described(name, there.pop(name, [])) for name in STUDIES]
    found += [
        {"name": name, "question": runs_of[0]["question"], "trainings": None, "minutes": None, "runs": runs_of}
        for name, runs_of in there.items()
    ]
    if as_json:
        print(json.dumps({"studies": found}, indent=2))
        return
    for one in found:
        cost = "" if one["trainings"] is None else f" ({one['trainings']} trainings in short form{_about(one)})"
        print(f"{one['name']}: {one['question']}{cost}")
        for run in one["runs"]:
            print(f"    has run: {run['study']}, {run['seeds']} seeds, {run['data']}")
    print(f"run one, or see what it would take: {command} NAME [--dry-run]")


def _described(name: str, runs: list[dict[str, Any]]) -> dict[str, Any]:
    if name == BASELINES:
        return {"name": name, "question": QUESTION, "trainings": None, "minutes": None, "runs": runs}
    study: Ablation = import_module(f"studies.{name}").STUDY
    trainings = len(resolve(study.at(study.brief)).networks) * study.brief.seeds * LENGTHS
    return {
        "name": name,
        "question": study.question,
        "trainings": trainings,
        "minutes": study.minutes,
        "runs": runs,
    }


def _about(one: dict[str, Any]) -> str:
    return "" if one["minutes"] is None else f", about {one['minutes']} minutes on two cores"


def _there(runs: Path, storage: str | None) -> dict[str, list[dict[str, Any]]]:
    """Study → the runs of it in the storage; nothing is made where there is none, and Optuna is only imported where
    there is one."""
    if storage is None and not (runs / "nas.db").exists():
        return {}
    from nas.storage import default_url, open_existing, stored_facts, study_names

    store = open_existing(storage or default_url(runs))
    found: dict[str, list[dict[str, Any]]] = {}
    for name in study_names(store, "baselines", "ablation"):
        facts = stored_facts(store, name)
        found.setdefault(facts.get("study", BASELINES), []).append(
            {
                "study": name,
                "question": facts.get("question", QUESTION),
                "seeds": facts["seeds"],
                "data": facts["data"]["label"],
            }
        )
    return found
