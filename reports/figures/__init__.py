"""The figures of a report: one file a figure, one line here."""

from reports.figures.accuracy_by_cost import accuracy_by_cost
from reports.figures.base import Draw, Drawing, Skipped
from reports.figures.decisions import decisions
from reports.figures.learning_curves import learning_curves
from reports.figures.search_progress import search_progress
from reports.figures.selected_confirmed import selected_confirmed
from reports.figures.two_costs import two_costs

FIGURES: dict[str, Draw] = {
    "accuracy_by_cost": accuracy_by_cost,
    "selected_confirmed": selected_confirmed,
    "search_progress": search_progress,
    "learning_curves": learning_curves,
    "decisions": decisions,
    "two_costs": two_costs,
}

__all__ = ["FIGURES", "Draw", "Drawing", "Skipped"]
