"""Quantiles of the multivariate t, against published tables, one-dimensional integrals and scipy."""

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import gammaincinv, ndtr, roots_hermitenorm
from scipy.stats import dunnett, multivariate_t, t

from nas.effects.simultaneous import critical, p_value
from nas.effects.table import Array


def one_baseline(variants: int) -> Array:
    return (np.eye(variants) + 1) / 2


def integrated(variants: int, df: int, alpha: float) -> float:
    """The same by Gauss's rules: given the baseline and the residual, variants are independent."""
    baseline, weight = roots_hermitenorm(64)
    quantiles, of_quantile = np.polynomial.legendre.leggauss(300)
    s = np.sqrt(2 * gammaincinv(df / 2, (quantiles + 1) / 2) / df)

    def inside(c: float) -> float:
        low, high = (np.sqrt(2) * sign * c * s[:, None] - baseline for sign in (-1, 1))
        return float(of_quantile / 2 @ (ndtr(high) - ndtr(low)) ** variants @ (weight / weight.sum()))

    return float(brentq(lambda c: inside(c) - 1 + alpha, 1, 20))


@pytest.mark.parametrize(
    ("variants", "df", "published"),
    [(1, 10, 2.23), (2, 10, 2.57), (3, 10, 2.76), (4, 10, 2.89), (2, 20, 2.38), (4, 20, 2.65), (4, 60, 2.51)],
)
def test_quantiles_are_those_of_dunnetts_table(variants: int, df: int, published: float) -> None:
    """Dunnett (1964), table II, two-sided 5%."""
    assert critical(one_baseline(variants), df, 0.05) == pytest.approx(published, abs=0.00501)


@pytest.mark.parametrize(("variants", "within"), [(2, 0.001), (4, 0.001), (10, 0.0021), (40, 0.003)])
@pytest.mark.parametrize("alpha", [0.05, 0.0055])
def test_quantiles_are_those_of_an_integral(variants: int, within: float, alpha: float) -> None:
    df = 4 * variants
    assert critical(one_baseline(variants), df, alpha) == pytest.approx(integrated(variants, df, alpha), abs=within)


def test_any_correlation_agrees_with_scipy() -> None:
    """scipy's own error with so many points is some 1e-4 of probability."""
    rng = np.random.default_rng(5)
    factors = rng.normal(size=(5, 7))
    covariance = factors @ factors.T
    scale = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(scale, scale)
    ends = np.full(5, critical(correlation, 12, 0.05))
    inside = multivariate_t(shape=correlation, df=12).cdf(ends, lower_limit=-ends, maxpts=200_000, random_state=1)
    assert float(inside) == pytest.approx(0.95, abs=3e-4)


def test_adjusted_p_values_are_those_of_scipys_dunnett() -> None:
    """Without blocks, as scipy has it: one residual of all groups, the same correlation where groups are alike."""
    rng = np.random.default_rng(2)
    control, *groups = rng.normal([[0.0], [0.5], [1.2], [-0.8]], 1.0, (4, 6))
    sigma = np.sqrt(np.mean([one.var(ddof=1) for one in (control, *groups)]))
    theirs = dunnett(*groups, control=control, rng=np.random.default_rng(1)).pvalue
    for group, p in zip(groups, theirs, strict=True):
        mine = p_value(one_baseline(3), 20, float((group.mean() - control.mean()) / sigma / np.sqrt(2 / 6)))
        assert mine == pytest.approx(p, abs=1e-3)


def test_one_contrast_is_students_t() -> None:
    assert critical(np.ones((1, 1)), 7, 0.05) == pytest.approx(t.ppf(0.975, 7))
    assert p_value(np.ones((1, 1)), 7, -2.0) == pytest.approx(2 * t.sf(2.0, 7))


def test_a_contrast_that_is_there_twice_or_with_the_other_sign_changes_nothing() -> None:
    once = one_baseline(2)
    twice = once[np.ix_([0, 1, 1], [0, 1, 1])]
    assert critical(twice, 9, 0.05) == pytest.approx(critical(once, 9, 0.05), abs=1e-3)
    opposite = twice * np.outer([1, 1, -1], [1, 1, -1])
    assert critical(opposite, 9, 0.05) == pytest.approx(critical(once, 9, 0.05), abs=1e-3)
    assert critical(np.ones((3, 3)), 9, 0.05) == pytest.approx(t.ppf(0.975, 9))


@pytest.mark.parametrize("alpha", [0.2, 0.05, 1e-4])
def test_p_at_the_quantile_is_alpha(alpha: float) -> None:
    assert p_value(one_baseline(4), 16, critical(one_baseline(4), 16, alpha)) == pytest.approx(alpha, rel=1e-6)


def test_between_one_interval_and_bonferroni() -> None:
    for df in (2, 8, 1000):
        assert t.ppf(0.975, df) < critical(one_baseline(6), df, 0.05) < t.ppf(1 - 0.025 / 6, df)


def test_p_of_nothing_is_one_and_of_a_lot_keeps_its_digits() -> None:
    assert p_value(one_baseline(3), 10, 0.0) == 1
    assert p_value(one_baseline(3), 40, 15.0) == pytest.approx(3 * 2 * t.sf(15.0, 40), rel=0.05)


def test_the_same_answer_every_time() -> None:
    from nas.effects import simultaneous

    before = critical(one_baseline(5), 11, 0.05)
    simultaneous._critical.cache_clear()
    simultaneous._reach.cache_clear()
    assert critical(one_baseline(5), 11, 0.05) == before
