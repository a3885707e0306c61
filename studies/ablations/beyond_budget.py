"""Variants of a search's winner that the search's budget would not have allowed."""

from collections.abc import Iterable

from nas.budget import Budget
from studies.ablations.resolve import Network


def beyond_budget(budget: Budget, networks: Iterable[Network]) -> tuple[str, ...]:
    """A sentence that names them; none where all fit. A latency is not looked at: it would have to be measured."""
    dear = [network.title for network in networks if network.width is None and not budget.fits(network.spec)]
    if not dear:
        return ()
    return (f"Beyond the budget of the search ({budget}), which could not have chosen them: {', '.join(dear)}",)
