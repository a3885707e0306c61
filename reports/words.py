"""Numbers as people read them. Fractions stay fractions until they come through here."""

import re
from collections.abc import Sequence

from nas.budget import MILLION
from nas.record import Record, RunRecords

MINUS = "−"  # U+2212, as wide as a plus


def signed(value: float, decimals: int = 1) -> str:
    """``+1.2`` or ``−1.2``; nothing is ``−0.0``."""
    rounded = round(value, decimals)
    text = f"{abs(rounded):,.{decimals}f}"
    if rounded == 0:
        return text
    return (MINUS if rounded < 0 else "+") + text


def percent(fraction: float) -> str:
    """``64.2%``."""
    return f"{100 * fraction:.1f}%"


def points(difference: float) -> str:
    """A difference of accuracies in percentage points: ``+1.2 points``."""
    return f"{signed(100 * difference)} points"


def interval(ci: tuple[float, float], *, differences: bool = False) -> str:
    """``62.0 to 66.4%``, or of differences ``−0.4 to +2.6``."""
    low, high = 100 * ci[0], 100 * ci[1]
    return f"{signed(low)} to {signed(high)}" if differences else f"{low:.1f} to {high:.1f}%"


def millions(count: int, decimals: int = 1) -> str:
    return f"{count / MILLION:,.{decimals}f}"


def plural(count: int, noun: str) -> str:
    """``1 trial``, ``2 trials``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def capital(text: str) -> str:
    """The first letter only: names keep theirs."""
    return text[:1].upper() + text[1:]


def at_width(title: str, width: float) -> str:
    """``NAME ×0.5`` at half its width is ``NAME ×0.25``, ``NAME`` is ``NAME ×0.5``; at 1 each is itself."""
    if width == 1:
        return title
    of = re.fullmatch(r"(.+) ×(\d+(?:\.\d+)?)", title)
    return f"{of[1]} ×{float(of[2]) * width:g}" if of else f"{title} ×{width:g}"


def listed(parts: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def seeds(numbers: Sequence[int]) -> str:
    """``seed 1``, ``seeds 1 and 2``, ``seeds 0–23``."""
    found = sorted(set(numbers))
    if len(found) > 2 and found == list(range(found[0], found[-1] + 1)):
        return f"seeds {found[0]}–{found[-1]}"
    if len(found) > 8:
        return f"{len(found)} seeds between {found[0]} and {found[-1]}"
    return ("seed " if len(found) == 1 else "seeds ") + listed([str(number) for number in found])


def milliseconds(run: RunRecords, record: Record) -> str:
    """``4.12`` as measured, ``≈ 4.1`` as predicted, nothing where it is not known."""
    known = run.latency(record)
    if known is None:
        return ""
    return f"{known.ms:.2f}" if known.measured else f"≈ {known.ms:.1f}"


def cost(run: RunRecords, record: Record) -> str:
    """What a network costs in the units of the budget it was made for: ``58.9 MFLOPs``; and its latency, if known."""
    budget, latency = run.facts.budget, run.latency(record)
    parts = []
    if budget.macs is not None:
        parts.append(f"{millions(record.macs)} MFLOPs")
    if budget.params is not None:
        parts.append(f"{millions(record.params, 2)} M parameters")
    if latency is not None:
        parts.append(f"{latency.ms:.2f} ms")
    parts += [
        f"{ceiling.text(ceiling.spent(record.spec))} {ceiling.unit}"
        for ceiling in budget.ceilings()
        if ceiling.flag in ("--budget-size-mb", "--budget-memory-mb")
    ]
    return ", ".join(parts)
