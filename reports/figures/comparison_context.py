"""Where a change matters: the effects of one study at baselines of several costs, as a map."""

from collections.abc import Callable, Sequence

from nas.effects.family import Effect
from reports.ablation_reading import Reading, Row
from reports.comparison import lines
from reports.figures.ablations import trained_on
from reports.figures.base import Drawing, Skipped
from reports.figures.effect_map import CAPTION, effect_map
from reports.words import millions

TITLE = "Where it matters, by budget (exploratory)"
EQUAL_TITLE = "Where it matters, by budget, at equal multiply-adds (exploratory)"
OTHERS = "only for one question asked of baselines of several costs (--baseline NAME@WIDTH)"


def by_budget(readings: Sequence[Reading]) -> Drawing | Skipped:
    return _draw(readings, TITLE, lambda row: row.changed)


def by_budget_equal(readings: Sequence[Reading]) -> Drawing | Skipped:
    return _draw(readings, EQUAL_TITLE, lambda row: row.equal.get("macs"))


def _draw(readings: Sequence[Reading], title: str, effect: Callable[[Row], Effect | None]) -> Drawing | Skipped:
    known = sorted(
        ((one.base.record.macs, one) for one in readings if one.base.record is not None), key=lambda pair: pair[0]
    )
    if len({one.facts.study for one in readings}) > 1 or len({macs for macs, _ in known}) < max(2, len(readings)):
        return Skipped(title=title, reason=OTHERS)
    ordered = [one for _, one in known]
    cells = {
        (line.title, one.run.name): effect(row)
        for line in lines(ordered)
        for one, row in zip(ordered, line.rows, strict=True)
        if row is not None
    }
    if not any(cells.values()):
        return Skipped(title=title, reason="no effects are known yet")
    columns = {
        one.run.name: f"{one.facts.baseline_title.replace(' ×', chr(10) + '×')}\n{millions(macs)} MFLOPs"
        for macs, one in known
    }
    figure = effect_map(title, cells, {line.title: line.title for line in lines(ordered)}, columns)
    said = " ".join(f"{one.run.name}: {trained_on(one)}" for one in ordered if one.found)
    return Drawing(
        figure=figure,
        title=title,
        caption=f"{CAPTION} Each column is a study and a family of its own; columns by the baseline’s cost. {said}",
    )
