"""Studies with known effects, in small: what benchmarks/effects.py shows in full. It also holds every kind's intervals,
computed all at once, to those of the library's functions."""

import numpy as np
import pytest

from benchmarks import effects

STUDIES = 600


def measured(name: str) -> dict[str, dict[str, float]]:
    (kind,) = [kind for kind in effects.kinds() if kind.name == name]
    return effects.measure(kind, STUDIES, np.random.default_rng(7), worths=30)


@pytest.mark.parametrize("name", ["none, small, large; 5 seeds", "trainings missing", "until settled: quiet"])
def test_intervals_cover_all_at_once(name: str) -> None:
    found = measured(name)
    error = (0.95 * 0.05 / STUDIES) ** 0.5
    assert found["coverage"]["rate"] > 0.95 - 4 * error
    assert found["family_wise_error"]["rate"] < 0.05 + 4 * error


def test_a_difference_of_the_margin_is_hardly_ever_called_none() -> None:
    found = measured("at the margin, quiet, 10 seeds")
    assert 0 < found["equivalence_wrong"]["rate"] < 0.05 + 4 * (0.95 * 0.05 / STUDIES) ** 0.5


def test_detectable_differences_are_shown_as_often_as_is_said() -> None:
    (name,) = [kind.name for kind in effects.kinds() if kind.name.startswith("power") and "10 seeds" in kind.name]
    shown = np.mean(measured(name)["shown"])
    assert shown == pytest.approx(0.8, abs=0.01 + 4 * (0.8 * 0.2 / STUDIES) ** 0.5)


def test_at_equal_cost_gaps_and_worths_are_covered() -> None:
    found = measured("at equal cost: parabola, 5 seeds")
    assert found["coverage"]["rate"] > 0.95 - 4 * (0.95 * 0.05 / STUDIES) ** 0.5
    assert found["worth"]["coverage"]["rate"] > 0.95 - 4 * (0.95 * 0.05 / 30) ** 0.5  # type: ignore[index]


def test_another_interval_than_the_librarys_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(effects, "critical", lambda *_: 2.0)
    with pytest.raises(RuntimeError, match="is not"):
        measured("nothing, 5 seeds")


def test_scipys_multivariate_t_agrees_with_the_quantiles() -> None:
    for row in effects.by_hand():
        assert row["outside_by_scipy"] == pytest.approx(0.05, abs=5e-4)
