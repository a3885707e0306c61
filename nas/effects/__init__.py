"""What a change is worth, in numbers: effects with simultaneous intervals and verdicts that cannot contradict them.

Pure numbers: accuracies by network and seed go in, effects come out. The names below are imported when they are first
used; numpy and scipy come with them.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nas.effects.additive import from_model
    from nas.effects.changed import as_changed
    from nas.effects.curve import Curve
    from nas.effects.equal_cost import at_equal_cost
    from nas.effects.family import Axis, Effect, EqualCost, Family, Method, Scores
    from nas.effects.lengths import interaction, length_verdict
    from nas.effects.looks import LOOKS, spent
    from nas.effects.observed import Observation, Observed, from_pairs, worth_running
    from nas.effects.paired import Pairing, pairing
    from nas.effects.plan import seeds_to_settle, seeds_to_show, smallest_shown
    from nas.effects.verdict import LEVEL, MARGIN, POWER, Verdict

_HOME = {
    "Axis": "nas.effects.family",
    "Curve": "nas.effects.curve",
    "Effect": "nas.effects.family",
    "EqualCost": "nas.effects.family",
    "Family": "nas.effects.family",
    "LEVEL": "nas.effects.verdict",
    "LOOKS": "nas.effects.looks",
    "MARGIN": "nas.effects.verdict",
    "Method": "nas.effects.family",
    "Observation": "nas.effects.observed",
    "Observed": "nas.effects.observed",
    "POWER": "nas.effects.verdict",
    "Pairing": "nas.effects.paired",
    "Scores": "nas.effects.family",
    "Verdict": "nas.effects.verdict",
    "as_changed": "nas.effects.changed",
    "at_equal_cost": "nas.effects.equal_cost",
    "from_model": "nas.effects.additive",
    "from_pairs": "nas.effects.observed",
    "interaction": "nas.effects.lengths",
    "length_verdict": "nas.effects.lengths",
    "pairing": "nas.effects.paired",
    "seeds_to_settle": "nas.effects.plan",
    "seeds_to_show": "nas.effects.plan",
    "smallest_shown": "nas.effects.plan",
    "spent": "nas.effects.looks",
    "worth_running": "nas.effects.observed",
}

__all__ = [
    "LEVEL",
    "LOOKS",
    "MARGIN",
    "POWER",
    "Axis",
    "Curve",
    "Effect",
    "EqualCost",
    "Family",
    "Method",
    "Observation",
    "Observed",
    "Pairing",
    "Scores",
    "Verdict",
    "as_changed",
    "at_equal_cost",
    "from_model",
    "from_pairs",
    "interaction",
    "length_verdict",
    "pairing",
    "seeds_to_settle",
    "seeds_to_show",
    "smallest_shown",
    "spent",
    "worth_running",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'nas.effects' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
