"""How much trainings of a recipe scatter beside what seed and network explain: as measured, where that was done."""

from dataclasses import dataclass

from nas.ablation_evidence import Length, evidence
from nas.recipe import Recipe
from nas.record import AblationFacts
from nas.storage import open_existing, read_ablation, stored_facts, study_names
from studies.ablations.past import is_there
from studies.ablations.request import AblationRequest

ASSUMED = 0.013  # in brief form on CIFAR-10 (docs/ablations.md); a fraction, of one training


@dataclass(frozen=True, slots=True, kw_only=True)
class Scatter:
    """Residual standard deviation of one training, a fraction."""

    sigma: float
    study: str | None = None  # that it was measured in; None: it is assumed


def scatter(request: AblationRequest) -> Scatter:
    """Of the trainings whose accuracies will be read: as the storage's ablation with most of them by the same recipe on
    the same images has it, else ``ASSUMED``."""
    if not is_there(request.storage):
        return Scatter(sigma=ASSUMED)
    storage = open_existing(request.storage)
    recipe, fingerprint = request.facts.long or request.facts.recipe, request.facts.data.fingerprint
    best, most = Scatter(sigma=ASSUMED), 0
    for name in study_names(storage, "ablation"):
        facts = AblationFacts.from_json(stored_facts(storage, name))
        length: Length | None = (
            "long" if _same(facts.long, recipe) else "short" if _same(facts.recipe, recipe) else None
        )
        if length is None or facts.data.fingerprint != fingerprint:
            continue
        found = evidence(read_ablation(storage, name), length)
        if found is not None and found.changed.sigma and found.changed.df and found.changed.df > most:
            best, most = Scatter(sigma=found.changed.sigma, study=name), found.changed.df
    return best


def _same(one: Recipe | None, other: Recipe) -> bool:
    return one is not None and one.hash == other.hash
