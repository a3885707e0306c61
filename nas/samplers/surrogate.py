"""A Gaussian process over networks: what a network not yet trained may give, and how sure that is.

Scale and mean follow from the values in closed form; noise and the weight of pairs are those of a small grid under
which the values are likeliest (Rasmussen and Williams 2006, section 5.4.1).
"""

from dataclasses import dataclass, replace

import numpy as np

from nas.samplers.kernel import Encoded, Floats, kernel

NOISE = (1e-3, 1e-2, 0.03, 0.1, 0.3, 1.0)  # variance of a value, the kernel's own being 1
PAIRS = (0.1, 1.0)  # weight of pairs of choices
JUDGED_BY = 100  # values, the newest, that choose noise and pairs


@dataclass(frozen=True, slots=True, eq=False)
class Surrogate:
    """What was learned from networks and their values."""

    told: Encoded
    pairs: float
    noise: float
    root: Floats  # of the covariance, lower triangle [told, told]
    mean: Floats  # of the trend's terms
    scale: float  # variance
    white: Floats  # values less the trend, decorrelated [told]

    def predict(self, networks: Encoded) -> tuple[Floats, Floats]:
        """Means and standard deviations, without the noise of a single value, [networks]."""
        between = _below(self.root, kernel(self.told, networks, self.pairs))
        mean = trend(networks) @ self.mean + self.white @ between
        variance = self.scale * np.clip(1 - np.einsum("ij,ij->j", between, between), 1e-12, None)
        return mean, np.sqrt(variance)

    def expected(self) -> Floats:
        """The means of what was told itself, [told]: values less their share of noise, so nothing is to be compared
        again."""
        noise = self.noise * _below(self.root, self.white, transposed=True)
        told: Floats = trend(self.told) @ self.mean + self.root @ self.white - noise
        return told

    def believe(self, running: Encoded) -> "Surrogate":
        """As if these had been told just what is expected of them (kriging believer, Ginsbourger et al. 2010): no mean
        changes, and around them there is less to find out."""
        both = self.told.and_also(running)
        root = _root(kernel(both, both, self.pairs), self.noise)
        white = np.concatenate([self.white, np.zeros(len(running.asked))])
        return replace(self, told=both, root=root, white=white)


def trend(networks: Encoded) -> Floats:
    """[networks, terms]: a constant, and a slope in the size, and in whatever else explains."""
    return np.column_stack([np.ones_like(networks.size), networks.size])


def learn(told: Encoded, values: Floats) -> Surrogate:
    """``values``: [told], two or more that differ."""
    newest = slice(max(0, len(values) - JUDGED_BY), None)
    part = told.take(newest)
    tried = []
    for pairs in PAIRS:
        alike = kernel(part, part, pairs)
        for noise in NOISE:
            tried.append((_evidence(alike, noise, trend(part), values[newest]), noise, pairs))
    _, noise, pairs = max(tried)
    root, mean, scale, white = _solve(kernel(told, told, pairs), noise, trend(told), values)
    return Surrogate(told, pairs, noise, root, mean, scale, white)


def _evidence(alike: Floats, noise: float, terms: Floats, values: Floats) -> float:
    """Logarithm of the likelihood under the best scale and trend, but for a constant."""
    root, _, scale, _ = _solve(alike, noise, terms, values)
    return float(-0.5 * len(values) * np.log(scale) - np.log(np.diag(root)).sum())


def _solve(alike: Floats, noise: float, terms: Floats, values: Floats) -> tuple[Floats, Floats, float, Floats]:
    root = _root(alike, noise)
    both = _below(root, np.column_stack([terms, values]))
    by_terms, by_values = both[:, :-1], both[:, -1]
    mean = np.linalg.lstsq(by_terms, by_values, rcond=None)[0]
    white = by_values - by_terms @ mean
    scale = max(float(white @ white) / len(values), 1e-12)
    return root, mean.astype(np.float64, copy=False), scale, white


def _root(alike: Floats, noise: float) -> Floats:
    """Of the covariance of values: the lower triangle whose product with its transpose it is."""
    covariance = alike.copy()
    covariance.flat[:: len(alike) + 1] += noise
    return np.linalg.cholesky(covariance).astype(np.float64, copy=False)


def _below(root: Floats, right: Floats, *, transposed: bool = False) -> Floats:
    """root⁻¹ · right, or root⁻ᵀ · right, by substitution."""
    from scipy.linalg import solve_triangular  # 0.2 s to import

    found: Floats = solve_triangular(root, right, lower=True, trans="T" if transposed else "N", check_finite=False)
    return found
