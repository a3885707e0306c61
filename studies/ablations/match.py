"""``--match``: a variant brought to the baseline's multiply-adds by its expansion widths, and where they went.

Channels move in eights, all blocks in proportion as far as that goes; then the block that is furthest from its share
moves, one step at a time, as long as that brings the cost nearer.
"""

from collections.abc import Iterable
from dataclasses import replace

from nas.arch import ArchSpec
from nas.blocks import Block, InvertedResidual
from nas.cost import cost
from nas.errors import NasError
from studies.ablations.resolve import Network

STEP = 8  # channels
NEAR = 0.01  # of the baseline's cost: what is nearer than this needs no matching


def matched(networks: Iterable[Network]) -> tuple[Network, ...]:
    """A twin for each variant whose cost is not the baseline's. Raises ``NasError`` for one that has no expansion to
    move."""
    networks = tuple(networks)
    target = cost(networks[0].spec).macs
    twins = []
    for one in networks:
        macs = cost(one.spec).macs
        if one.width is not None or abs(macs / target - 1) <= NEAR:
            continue
        spec = _matched(one, target)
        went = cost(spec).macs / target - 1
        twins.append(
            Network(
                name=f"{one.name}, matched",
                title=f"{one.title}, matched ({went:+.1%})",
                spec=spec,
                changes={**one.changes, **_moved(one.spec, spec)},
                match_of=one.name,
            )
        )
    return tuple(twins)


def _matched(network: Network, target: int) -> ArchSpec:
    spec = network.spec
    widths = {
        at: row.block.mid
        for at, row in enumerate(spec.rows())
        if isinstance(row.block, InvertedResidual) and row.block.expands(row.shape)
    }
    if not widths:
        raise NasError(f"--match: variant {network.name!r} has no expansion widths to move")

    def gap(mids: dict[int, int]) -> int:
        return cost(_with(spec, mids)).macs - target

    def proportional(times: float) -> dict[int, int]:
        return {at: max(STEP, round(mid * times / STEP) * STEP) for at, mid in widths.items()}

    low, high = 0.05, 20.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if gap(proportional(middle)) < 0 else (low, middle)
    ideal = {at: mid * high for at, mid in widths.items()}
    best = min((proportional(low), proportional(high)), key=lambda mids: abs(gap(mids)))
    while True:
        sign = -1 if gap(best) > 0 else 1
        steps = [
            best | {at: mid + sign * STEP}
            for at, mid in sorted(best.items(), key=lambda one: sign * (one[1] - ideal[one[0]]) / ideal[one[0]])
            if mid + sign * STEP >= STEP
        ]
        better = next((mids for mids in steps if abs(gap(mids)) < abs(gap(best))), None)
        if better is None:
            return _with(spec, best)
        best = better


def _with(spec: ArchSpec, mids: dict[int, int]) -> ArchSpec:
    """These expansion widths; squeeze-excite keeps its share of them."""
    blocks: list[Block] = list(spec.blocks)
    entering = [row.shape.channels for row in spec.rows()]
    for at, mid in mids.items():
        block = blocks[at]
        assert isinstance(block, InvertedResidual)
        mid += STEP * (mid == entering[at])  # at equal widths there would be no expansion any more
        squeeze = max(STEP, round(block.squeeze * mid / block.mid / STEP) * STEP) if block.squeeze else 0
        blocks[at] = replace(block, mid=mid, squeeze=squeeze)
    return replace(spec, blocks=tuple(blocks))


def _moved(before: ArchSpec, after: ArchSpec) -> dict[str, str]:
    """Where the channels went: ``blocks[3].mid`` → ``96 → 104``."""
    return {
        f"blocks[{at}].mid": f"{was.mid} → {now.mid}"
        for at, (was, now) in enumerate(zip(before.blocks, after.blocks, strict=True))
        if isinstance(was, InvertedResidual) and isinstance(now, InvertedResidual) and was.mid != now.mid
    }
