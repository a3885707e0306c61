"""What ``--check`` prints: the closed form beside the counters, operator by operator."""

from typing import TYPE_CHECKING, Any

from nas.profile.kinds import kind_words
from nas.profile.table import plain_table

if TYPE_CHECKING:
    from rich.table import Table

    from nas.profile.check import Checked
    from nas.profile.network import Profiled


def check_table(found: "Profiled", checked: "Checked") -> "Table":
    """Multiply-adds in exact numbers; of other operators whatever a counter gives for them."""
    counters = (checked.ledger, *checked.counters)
    kinds = dict.fromkeys(
        kind for one in (checked.operators, checked.run, *(c.kinds for c in counters)) for kind in one
    )
    heads = ["operator", "number\nhere", "run by\ntorch", *(f"{one.counter}\nMACs" for one in counters)]
    foot = ["MACs in all", "", "", *(f"{one.macs:,}" for one in counters)]
    shown = plain_table(heads, foot, wide=True)
    shown.title = f"{found.title} at {found.form}: the closed form and two counters of the built network"
    for kind in kinds:
        shown.add_row(
            kind_words(kind),
            f"{checked.operators.get(kind, 0)}",
            f"{checked.run.get(kind, 0)}",
            *(f"{one.kinds[kind]:,}" if kind in one.kinds else "–" for one in counters),
        )
    return shown


def check_lines(checked: "Checked") -> list[str]:
    """The verdict, and what each counter leaves out, in words."""
    different = [f"blocks[{index}]" for index in checked.differing_blocks]
    verdict = (
        "Equal: multiply-adds of convolutions and linear layers in every block, operators, and "
        f"{checked.params:,} parameters."
        if checked.agrees
        else "DIFFERENT: "
        + "; ".join(
            text
            for text, there in (
                (f"multiply-adds of {', '.join(different)}", bool(different)),
                ("numbers of operators", checked.operators != checked.run),
                (
                    f"parameters: {checked.params:,} here, {checked.built_params:,} built",
                    checked.params != checked.built_params,
                ),
            )
            if there
        )
    )
    lines = [verdict]
    for one in checked.counters:
        missing = ", ".join(f"{kind_words(kind)} ({number})" for kind, number in one.left_out.items())
        lines.append(f"{one.counter} leaves out: {missing or 'nothing'}.")
        own = {kind: count for kind, count in one.kinds.items() if kind not in checked.ledger.kinds}
        if own:
            counted = ", ".join(f"{kind_words(kind)} ({count:,} operations)" for kind, count in own.items())
            lines.append(
                f"{one.counter} counts beside convolutions and linear layers: {counted}; no multiply-adds here."
            )
    lines.append("torch counts two operations a multiply-add: its figures are halved.")
    return lines


def check_json(checked: "Checked") -> dict[str, Any]:
    """Under ``check`` in the document. Multiply-adds and operations of each kind by counter, null where it has none."""
    counters = (checked.ledger, *checked.counters)
    kinds = dict.fromkeys(
        kind for one in (checked.operators, checked.run, *(c.kinds for c in counters)) for kind in one
    )
    return {
        "agrees": checked.agrees,
        "params": {"closed_form": checked.params, "built": checked.built_params},
        "macs": {one.counter.replace(" ", "_"): one.macs for one in counters},
        "operators": [
            {
                "kind": kind,
                "number": checked.operators.get(kind, 0),
                "run": checked.run.get(kind, 0),
                **{one.counter.replace(" ", "_"): one.kinds.get(kind) for one in counters},
            }
            for kind in kinds
        ],
        "differing_blocks": [f"blocks[{index}]" for index in checked.differing_blocks],
        "left_out": {one.counter: dict(one.left_out) for one in checked.counters},
    }
