"""Regret against evaluations, a panel a budget."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any


def draw_figure(rows: Sequence[Any], file: Path) -> None:
    """One row of panels without noise, one with; bars are standard errors."""
    import matplotlib.pyplot as plt
    import seaborn as sns

    noises = sorted({row.noise for row in rows})
    budgets = sorted({row.budget for row in rows})
    samplers = list(dict.fromkeys(row.sampler for row in rows))
    sns.set_theme(style="whitegrid", palette=sns.color_palette("colorblind", len(samplers)))
    figure, panels = plt.subplots(
        len(noises), len(budgets), figsize=(4 * len(budgets), 3.6 * len(noises)), squeeze=False, layout="constrained"
    )
    for line, noise in zip(panels, noises, strict=True):
        for panel, budget in zip(line, budgets, strict=True):
            for number, sampler in enumerate(samplers):
                own = [row for row in rows if (row.sampler, row.noise, row.budget) == (sampler, noise, budget)]
                panel.errorbar(
                    [row.evaluations for row in own],
                    [row.regret for row in own],
                    yerr=[row.se or 0.0 for row in own],
                    marker="osD^vPX*"[number % 8],
                    capsize=2,
                    linewidth=2.4 if sampler == samplers[0] else 1.2,
                    label=sampler,
                )
            panel.set_xscale("log")
            ticks = sorted({row.evaluations for row in rows})
            panel.set_xticks(ticks, [str(tick) for tick in ticks])
            panel.minorticks_off()
            panel.set_ylim(bottom=0)
            panel.set_title(f"at most {budget:.4g} multiply-adds, " + ("noise" if noise else "no noise"), fontsize=10)
            panel.set_xlabel("evaluations")
        line[0].set_ylabel("regret (points of accuracy)")
    figure.legend(*panels[0][0].get_legend_handles_labels(), loc="outside right center")
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=110)
