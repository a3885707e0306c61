"""Do networks scatter alike?"""

import numpy as np
import pytest

from nas.effects import variances
from nas.effects.table import Table
from nas.effects.two_way import design_of, fit
from nas.effects.variances import agreement
from tests.nas.effects.tables import table


def p_of(scores: dict[str, dict[int, float]]) -> float | None:
    found = Table.of(scores, [*scores])
    return agreement(found, fit(found))


@pytest.mark.parametrize("seeds", [3, 8])
def test_where_they_do_p_is_uniform(seeds: int) -> None:
    """Of 500 tables, each tenth of p within four standard errors."""
    found = [p_of(table(dict.fromkeys("abcd", 0.6), seeds=seeds, draw=draw)) for draw in range(500)]
    counts, _ = np.histogram([p for p in found if p is not None], bins=np.linspace(0, 1, 11))
    assert counts.sum() == 500
    assert np.abs(counts - 50).max() < 4 * (500 * 0.1 * 0.9) ** 0.5


def test_where_one_scatters_more_p_is_small() -> None:
    rest = {"a": 0.005, "b": 0.005, "c": 0.03, "d": 0.005}
    found = [p_of(table(dict.fromkeys(rest, 0.6), seeds=10, rest=rest, draw=draw)) for draw in range(40)]
    assert sum(p is not None and p < 0.05 for p in found) >= 38


def test_trainings_that_are_missing_are_taken_into_account() -> None:
    low = 0
    for draw in range(300):
        scores = table(dict.fromkeys("abcd", 0.6), seeds=6, draw=draw)
        for key, seed in (("a", 1), ("b", 6), ("b", 5), ("c", 2)):
            del scores[key][seed]
        p = p_of(scores)
        assert p is not None
        low += p < 0.1
    assert abs(low / 300 - 0.1) < 4 * (0.1 * 0.9 / 300) ** 0.5


def test_two_networks_share_one_set_of_differences() -> None:
    assert p_of(table(dict.fromkeys("ab", 0.6), seeds=6)) is None
    assert p_of(table(dict.fromkeys("abc", 0.6), seeds=1)) is None
    assert p_of({key: dict.fromkeys(range(4), 0.5) for key in "abc"}) is None


def test_each_network_weighs_by_the_degrees_of_freedom_it_has() -> None:
    """The statistic by hand, from regressions on dummies; with trainings missing the networks' shares differ."""
    scores = table(dict.fromkeys("abcd", 0.6), seeds=6, draw=3)
    for key, seed in (("a", 1), ("a", 2), ("a", 3), ("b", 6)):
        del scores[key][seed]
    found = Table.of(scores, [*scores])
    fitted = fit(found)
    networks, seeds = np.nonzero(found.there)
    dummies = np.column_stack([networks == one for one in range(4)] + [seeds == one for one in range(1, 6)]).astype(
        float
    )
    kept = 1 - np.diag(dummies @ np.linalg.solve(dummies.T @ dummies, dummies.T))
    rest = fitted.residuals[found.there]
    common = (rest**2).sum() / kept.sum()
    shares = np.array([kept[networks == one].sum() for one in range(4)])
    squares = np.array([(rest[networks == one] ** 2).sum() for one in range(4)])
    by_hand = (shares * (squares / shares / common - 1) ** 2).sum()
    assert shares.max() > 1.5 * shares.min()  # or it would not matter
    assert variances._statistic(rest[None], found.there, design_of(found))[0] == pytest.approx(by_hand, rel=1e-9)
