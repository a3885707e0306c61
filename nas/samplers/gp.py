"""Optuna's Gaussian process (a Matérn kernel over all parameters), for comparison. It needs torch, so it comes late."""

import warnings

from optuna.exceptions import ExperimentalWarning
from optuna.samplers import GPSampler


class OptunaGP(GPSampler):
    attempts = 1  # each is fitted anew: what does not fit is moved inside at once

    def __init__(self, seed: int) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            super().__init__(seed=seed, n_startup_trials=0)
