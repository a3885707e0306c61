"""A network's cost by kind of operator, squeeze-excite and activations by themselves."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nas.blocks.operators import KINDS, Operator

if TYPE_CHECKING:
    from nas.arch import ArchSpec

SQUEEZE_EXCITE = "squeeze_excite"
ORDER = (*KINDS[:4], SQUEEZE_EXCITE, *KINDS[4:])  # what multiplies comes first


@dataclass(frozen=True, slots=True, kw_only=True)
class KindSum:
    """All operators of one kind; everything inside a squeeze-excite is of that kind and of no other."""

    kind: str
    operators: int
    macs: int
    params: int
    touched: int  # elements of activations read and written, each operator run by itself


def kind_of(operator: Operator) -> str:
    return SQUEEZE_EXCITE if operator.squeeze_excite else operator.kind


def by_kind(spec: "ArchSpec") -> list[KindSum]:
    """The kinds that there are; multiply-adds and parameters sum to the network's."""
    groups: dict[str, list[Operator]] = {kind: [] for kind in ORDER}
    for row in spec.rows():
        for operator in row.block.operators(row.shape):
            groups[kind_of(operator)].append(operator)
    return [
        KindSum(
            kind=kind,
            operators=len(group),
            macs=sum(one.macs for one in group),
            params=sum(one.params for one in group),
            touched=sum(one.touched for one in group),
        )
        for kind, group in groups.items()
        if group
    ]


def kind_words(kind: str) -> str:
    return "squeeze-excite" if kind == SQUEEZE_EXCITE else kind.replace("_", " ")
