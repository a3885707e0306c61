"""What a run shows: records → statistics → figures → one page. Reads records and nothing else.

``write`` makes the page; ``tables`` and ``sentences`` are what the commands print. Importing them is cheap: drawing
libraries are imported when something is drawn.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from nas.record import AblationRecords, BaselineRecords, RunRecords


def write(run: "RunRecords", folder: "Path") -> "Path":
    """Write the report of ``run`` into ``folder`` and return its page (``reports.page.write``)."""
    from reports.page import write as write_page  # imported here so that ``python -m reports --help`` answers at once

    return write_page(run, folder)


def write_baselines(run: "BaselineRecords", folder: "Path") -> "Path":
    """Write the report of the baselines into ``folder`` and return its page (``reports.baseline_page.write``)."""
    from reports.baseline_page import write as write_page

    return write_page(run, folder)


def write_ablation(run: "AblationRecords", folder: "Path") -> "Path":
    """Write the report of an ablation into ``folder`` and return its page (``reports.ablation_page.write``)."""
    from reports.ablation_page import write as write_page

    return write_page(run, folder)


__all__ = ["write", "write_ablation", "write_baselines"]
