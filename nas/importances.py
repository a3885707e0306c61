"""Optuna's importances of a search's decisions, labelled for what they are.

A forest of trees is fitted to the trials, and the variance of its predictions is shared out among decisions (fANOVA,
Hutter, Hoos and Leyton-Brown, ICML 2014). No direction, no interval, cost not taken out, and of decisions that every
trial makes only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nas.effects.observed import by_kind
from nas.free_evidence import ENOUGH, too_few, usable
from nas.record import RunRecords
from nas.space import Option, as_suggested, is_ordered

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

SEED = 0  # of the forest


@dataclass(frozen=True, slots=True, kw_only=True)
class Importances:
    """Shares of the variance that the forest explains by one decision at a time; together 1."""

    by_decision: dict[str, float]  # of decisions that every trial makes, in order of importance
    left_out: int  # decisions that only some trials make

    @property
    def by_kind(self) -> dict[str, float]:
        """Added up."""
        found: dict[str, float] = {}
        for name, share in self.by_decision.items():
            found[by_kind(name)] = found.get(by_kind(name), 0.0) + share
        return found


def importances(run: RunRecords) -> Importances | str:
    """Of the search's complete trials; a string where there are none, why. Takes seconds: call it once."""
    trials = usable(run)
    if len(trials) < ENOUGH:
        return too_few(len(trials))
    if len({trial.val_accuracy for trial in trials}) == 1:
        return "all trials have the same accuracy"
    seen: dict[str, dict[Option, None]] = {}
    for trial in trials:
        for name, one in (trial.choices or {}).items():
            seen.setdefault(name, {})[one] = None
    common = [name for name in seen if all(name in (trial.choices or {}) for trial in trials) and len(seen[name]) > 1]
    if not common:
        return "no decision that every trial makes has been made in two ways"
    import optuna  # 0.5 s, and scikit-learn with its first forest

    domains = {name: sorted(seen[name], key=_rank) for name in common}
    study = optuna.create_study(direction="maximize", storage=optuna.storages.InMemoryStorage())
    for trial in trials:
        made = trial.choices or {}
        study.add_trial(
            optuna.trial.create_trial(
                value=trial.val_accuracy,
                params={name: as_suggested(domains[name], made[name]) for name in common},
                distributions={name: _distribution(domains[name]) for name in common},
            )
        )
    try:
        found = optuna.importance.get_param_importances(
            study, evaluator=optuna.importance.FanovaImportanceEvaluator(seed=SEED), params=common
        )
    except (RuntimeError, ValueError) as error:  # no tree could split, for one
        return f"Optuna's fANOVA has none: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
    return Importances(
        by_decision={name: float(share) for name, share in found.items()}, left_out=len(seen) - len(common)
    )


def _rank(option: Option) -> tuple[float, str]:
    return (0.0 if isinstance(option, str) else float(option)), str(option)


def _distribution(options: "Sequence[Option]") -> "BaseDistribution":
    """The one under which ``from_trial`` would suggest these, the options that the trials have being all there are."""
    from optuna.distributions import CategoricalDistribution, IntDistribution

    if not is_ordered(options):
        return CategoricalDistribution(list(options))
    first, second, last = (int(as_suggested(options, options[at])) for at in (0, 1, -1))
    return IntDistribution(first, last, step=second - first)  # evenly spaced as themselves, others by index
