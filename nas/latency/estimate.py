"""Milliseconds of blocks that nobody measured, from those that were: a line in what a block reads, writes and computes,
never falling in any of them, and boosted trees on its facts for what is left over."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from nas.blocks import Block
from nas.cost import block_cost
from nas.latency.table import Placed

FEWEST = 20  # measured blocks of a kind before trees are grown on them
Array = npt.NDArray[np.float64]


@dataclass(slots=True, kw_only=True)
class Estimate:
    """Fitted to measured blocks (→ ms); one model for each kind, and one of all kinds for those never measured."""

    blocks: dict[Placed, float]
    _models: dict[str, "_Model"] = field(default_factory=dict, init=False)
    _known: dict[Placed, float] = field(default_factory=dict, init=False)

    def milliseconds(self, placed: Sequence[Placed]) -> list[float]:
        """Of all of them at once: asking the trees takes as long for one as for a hundred."""
        new: dict[str, list[Placed]] = {}
        for one in dict.fromkeys(placed):
            if one not in self._known:
                new.setdefault(one.block.kind, []).append(one)
        for kind, group in new.items():
            self._known.update(zip(group, self._model(kind)(group), strict=True))
        return [self._known[one] for one in placed]

    def _model(self, kind: str) -> "_Model":
        if kind not in self._models:
            same = {one: ms for one, ms in self.blocks.items() if one.block.kind == kind}
            self._models[kind] = _Model(same, facts=True) if len(same) >= FEWEST else _Model(self.blocks, facts=False)
        return self._models[kind]


class _Model:
    def __init__(self, blocks: dict[Placed, float], *, facts: bool) -> None:
        from scipy.optimize import nnls

        placed = sorted(blocks, key=repr)  # trees draw rows by number: the order of the table must not matter
        ms = np.array([blocks[one] for one in placed])
        # relative errors count: each row is divided by what it should give
        line: Array = np.array([_amounts(one) for one in placed])
        self._slopes, _ = nnls(line / ms[:, None], np.ones(len(ms)))
        self._words: dict[tuple[str, Any], float] = {}
        self._trees: Any = None
        if facts:
            from sklearn.ensemble import GradientBoostingRegressor

            self._learn_words(placed)
            left = np.log(ms) - np.log(np.maximum(line @ self._slopes, 1e-6))
            self._trees = GradientBoostingRegressor(
                n_estimators=300, max_depth=3, learning_rate=0.05, subsample=0.7, random_state=0
            ).fit([self._features(one) for one in placed], left)

    def __call__(self, placed: Sequence[Placed]) -> list[float]:
        ms: Array = np.maximum(np.array([_amounts(one) for one in placed]) @ self._slopes, 1e-6)
        if self._trees is not None:
            ms *= np.exp(self._trees.predict([self._features(one) for one in placed]))
        return [float(one) for one in ms]

    def _learn_words(self, placed: Sequence[Placed]) -> None:
        """Facts that are no numbers get one each, in the order of their words."""
        words = {(name, value) for one in placed for name, value in _facts(one.block) if isinstance(value, str)}
        self._words = {word: float(number) for number, word in enumerate(sorted(words))}

    def _features(self, placed: Placed) -> list[float]:
        facts = [
            self._words.get((name, value), -1.0) if isinstance(value, str) else float(value)
            for name, value in _facts(placed.block)
        ]
        return [*np.log(np.array(_amounts(placed)) + 1e-3), *map(float, placed.shape), *facts]


def _amounts(placed: Placed) -> list[float]:
    """A constant, and what the block computes, reads, writes, holds and knows: all may only add time."""
    cost = block_cost(placed.block, placed.shape)
    out = placed.block.out_shape(placed.shape)
    return [
        1.0,
        cost.macs / 1e6,
        placed.shape.elements / 1e5,
        out.elements / 1e5,
        cost.peak_activation_bytes / 1e6,
        cost.params / 1e5,
    ]


def _facts(block: Block) -> list[tuple[str, Any]]:
    return [(one.name, getattr(block, one.name)) for one in fields(block)]
