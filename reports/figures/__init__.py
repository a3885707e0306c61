"""The figures of the reports: one file a figure, one line here."""

from collections.abc import Callable

from nas.record import RunRecords
from reports.ablation_reading import Reading
from reports.figures.ablation_context import context, context_equal
from reports.figures.ablation_curve import curve_latency, curve_macs, curve_params
from reports.figures.ablation_forest import forest, other_costs
from reports.figures.ablation_learning import learning
from reports.figures.ablation_lengths import lengths
from reports.figures.ablation_pairs import paired_seeds
from reports.figures.accuracy_by_cost import accuracy_by_cost
from reports.figures.base import Draw, DrawBaselines, Drawing, Skipped
from reports.figures.baseline_accuracy import accuracy_by_native_macs, accuracy_by_size, accuracy_by_trained_macs
from reports.figures.baseline_curves import baseline_curves
from reports.figures.baseline_rates import learning_rates
from reports.figures.decisions import decisions
from reports.figures.front import front
from reports.figures.hypervolume import hypervolume
from reports.figures.latency import latency_by_block, latency_by_macs
from reports.figures.learning_curves import learning_curves
from reports.figures.search_progress import search_progress
from reports.figures.selected_confirmed import selected_confirmed
from reports.figures.single_choices import single_choices
from reports.figures.trust import short_against_long
from reports.figures.two_costs import two_costs

FIGURES: dict[str, Draw] = {
    "accuracy_by_cost": accuracy_by_cost,
    "selected_confirmed": selected_confirmed,
    "search_progress": search_progress,
    "learning_curves": learning_curves,
    "decisions": decisions,
    "single_choices": single_choices,
    "two_costs": two_costs,
    "latency_by_macs": latency_by_macs,
    "latency_by_block": latency_by_block,
    "short_against_long": short_against_long,
}

# of a search with several objectives: what asks for one winner gives way
FRONT_FIGURES: dict[str, Draw] = {
    "front": front,
    "hypervolume": hypervolume,
    **{name: draw for name, draw in FIGURES.items() if name not in ("accuracy_by_cost", "search_progress")},
}

BASELINE_FIGURES: dict[str, DrawBaselines] = {
    "accuracy_by_native_macs": accuracy_by_native_macs,
    "accuracy_by_trained_macs": accuracy_by_trained_macs,
    "accuracy_by_size": accuracy_by_size,
    "learning_curves": baseline_curves,
    "learning_rates": learning_rates,
}

ABLATION_FIGURES: dict[str, Callable[[Reading], Drawing | Skipped]] = {
    "forest": forest,
    "paired_seeds": paired_seeds,
    "curve_macs": curve_macs,
    "curve_params": curve_params,
    "curve_latency": curve_latency,
    "forest_other_costs": other_costs,
    "context": context,
    "context_equal": context_equal,
    "lengths": lengths,
    "learning_curves": learning,
}


def figures_of(run: RunRecords) -> dict[str, Draw]:
    return FRONT_FIGURES if run.facts.goal.several else FIGURES


__all__ = [
    "ABLATION_FIGURES",
    "BASELINE_FIGURES",
    "FIGURES",
    "FRONT_FIGURES",
    "Draw",
    "DrawBaselines",
    "Drawing",
    "Skipped",
    "figures_of",
]
