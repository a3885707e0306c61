"""Two training lengths: does what a short training shows hold in a longer one?"""

from collections.abc import Sequence

from nas.effects.changed import as_changed
from nas.effects.family import Effect, Family, Scores
from nas.effects.verdict import LEVEL, MARGIN, Verdict


def length_verdict(short: Effect, long: Effect) -> Verdict:
    """The longer training's verdict, unless both are shown with opposite signs."""
    if {short.verdict, long.verdict} == {"helps", "hurts"}:
        return "depends on training length"
    return long.verdict


def interaction(
    short: Scores,
    long: Scores,
    *,
    baseline: str,
    variants: Sequence[str],
    margin: float = MARGIN,
    level: float = LEVEL,
) -> Family[Effect]:
    """How much larger each effect is in the longer training: a difference of differences, paired over the seeds that
    both lengths have. "helps": the longer training is kinder to the variant than the shorter."""
    gains = {
        key: {
            seed: long[key][seed] - accuracy
            for seed, accuracy in short.get(key, {}).items()
            if seed in long.get(key, {})
        }
        for key in (baseline, *variants)
    }
    return as_changed(gains, baseline=baseline, variants=variants, margin=margin, level=level)
