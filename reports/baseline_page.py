"""The page of the baselines."""

from pathlib import Path

from nas.record import BaselineRecords
from reports.baseline_rows import baselines_csv
from reports.files import write_whole


def write(run: BaselineRecords, folder: Path) -> Path:
    """``folder/index.html``, ``folder/figures/`` and ``folder/trainings.csv`` from what is recorded so far."""
    return write_whole(folder / "trainings.csv", baselines_csv(run))
