"""Every network of a run as one row, for people (page, terminal) and for machines (JSON, CSV)."""

import csv
import io
import json
from dataclasses import dataclass
from typing import Any, Literal

from nas import evidence
from nas.evidence import Confirmed
from nas.record import Record, RunRecords
from reports import standing

Role = Literal["winner", "finalist", "front", "trial", "reference", "control_winner", "control"]

COLUMNS = (
    *("network", "title", "role", "state", "origin"),
    *("macs", "params", "train_macs", "peak_activation_bytes"),
    *("latency_ms", "latency_low", "latency_high", "latency_measured"),
    *("val_accuracy", "confirmed_mean", "confirmed_low", "confirmed_high", "confirmed_seeds"),
    *("against_control", "against_control_low", "against_control_high", "against_control_verdict"),
    *("reason", "choices"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkRow:
    """One network: what its training left behind, what it is to the run, and its accuracy on fresh seeds."""

    record: Record
    role: Role
    confirmed: Confirmed | None  # None until trained on at least one fresh seed

    @property
    def ci(self) -> tuple[float, float] | None:
        """The confirmed mean's interval, in fractions."""
        return self.confirmed.ci if self.confirmed else None


def network_rows(run: RunRecords) -> list[NetworkRow]:
    """Trials and references: the winner, the finalists or the front, then everything else; each by confirmed, then
    selected."""
    confirmed = evidence.confirmed(evidence.scores(run.confirmations))
    best = standing.winner(run)
    goal = run.facts.goal
    front = {member.record.key for member in standing.front(run)}
    finalists = set() if goal.several else {record.key for record in evidence.finalists(run.trials, goal=goal)}

    def role(record: Record) -> Role:
        if best is not None and record.key == best.key:
            return "winner"
        if record.key in front:
            return "front"
        return "finalist" if record.key in finalists else "trial"

    rows = [NetworkRow(record=run.known(one), role=role(one), confirmed=confirmed.get(one.key)) for one in run.trials]
    rows += [
        NetworkRow(record=run.known(one), role="reference", confirmed=confirmed.get(one.key)) for one in run.references
    ]
    return sorted(rows, key=_rank)


def control_rows(run: RunRecords) -> list[NetworkRow]:
    """The control's networks: its winner, the confirmed ones, the others. No trials, and so in no ranking with them."""
    confirmed = evidence.confirmed(evidence.scores(run.confirmations))
    best = standing.control_winner(run)
    rows = [
        NetworkRow(
            record=run.known(one),
            role="control_winner" if best is not None and one.key == best.key else "control",
            confirmed=confirmed.get(one.key),
        )
        for one in run.control
    ]
    return sorted(rows, key=_rank)


def _rank(row: NetworkRow) -> tuple[float, ...]:
    group = {"winner": 0, "control_winner": 0, "finalist": 1, "front": 1}.get(row.role, 2)
    mean = row.confirmed.mean if row.confirmed else -1.0
    selected = row.record.val_accuracy
    stopped = row.record.last_accuracy if selected is None else None
    number = row.record.number
    return (
        group,
        -mean,
        -1.0 if selected is None else -selected - 2.0,  # whatever is complete before what is not
        -(stopped if stopped is not None else -1.0),
        float("inf") if number is None else number,
    )


def network_json(run: RunRecords, record: Record) -> dict[str, Any]:
    """A network as every command's ``--json`` shows it: fractions, integers, null for what is absent."""
    one = evidence.confirmed(evidence.scores(run.confirmations)).get(record.key)
    latency = run.latency(record)
    identity: dict[str, Any] = (
        {"name": record.name} if record.name is not None else {"number": record.number, "state": record.state}
    )
    if record in run.control:
        identity["state"] = record.state
    return {
        **identity,
        "title": record.title,
        "origin": record.origin,
        "macs": record.macs,
        "params": record.params,
        "train_macs": record.train_macs,
        "latency_ms": None if latency is None else latency.ms,
        "latency": None
        if latency is None
        else {
            "ci": [latency.low, latency.high],
            "measured": latency.measured,
            "target": run.facts.budget.latency_target,
        },
        "val_accuracy": record.val_accuracy,
        "confirmed": None
        if one is None
        else {"mean": one.mean, "ci": None if one.ci is None else list(one.ci), "seeds": list(one.seeds)},
        "choices": record.choices,
        "spec": json.loads(record.spec.to_json()),
    }


def networks_csv(run: RunRecords) -> str:
    """``networks.csv``: one network a line, accuracies as fractions, empty for absent, seeds separated by spaces.

    ``against_control``: of the winner alone, its confirmed accuracy minus the control's winner's.
    """
    out = io.StringIO()
    table = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    table.writeheader()
    against = standing.control(run)
    for row in (*network_rows(run), *control_rows(run)):
        record, confirmed = row.record, row.confirmed
        low, high = row.ci or (None, None)
        latency = run.latency(record)
        beat = against.difference if against is not None and row.role == "winner" else None
        beat_low, beat_high = (beat and beat.ci) or (None, None)
        table.writerow(
            {
                "network": record.key,
                "title": record.title,
                "role": row.role,
                "state": record.state,
                "origin": record.origin,
                "macs": record.macs,
                "params": record.params,
                "train_macs": record.train_macs,
                "peak_activation_bytes": record.peak_activation_bytes,
                "latency_ms": latency.ms if latency else None,
                "latency_low": latency.low if latency else None,
                "latency_high": latency.high if latency else None,
                "latency_measured": latency.measured if latency else None,
                "val_accuracy": record.val_accuracy,
                "confirmed_mean": confirmed.mean if confirmed else None,
                "confirmed_low": low,
                "confirmed_high": high,
                "confirmed_seeds": " ".join(str(seed) for seed in confirmed.seeds) if confirmed else None,
                "against_control": beat.value if beat else None,
                "against_control_low": beat_low,
                "against_control_high": beat_high,
                "against_control_verdict": beat.verdict if beat else None,
                "reason": record.reason,
                "choices": None if record.choices is None else json.dumps(record.choices),
            }
        )
    return out.getvalue()
