"""How work is counted where people see it: in multiply-adds, or in floating-point operations, two of each."""

from typing import NamedTuple

from nas.errors import NasError


class Count(NamedTuple):
    """A multiply-add as so many of what is counted, and what that is called."""

    name: str
    each: int
    millions: str  # the head of a column
    title: str  # behind a number of millions
    axis: str  # on an axis, before the unit
    note: str

    def text(self, macs: int) -> str:
        return f"{self.each * macs / 1e6:,.2f}"


_OF = "of convolutions and linear layers for one image; batch norm folds into its convolution."

COUNTS = {
    count.name: count
    for count in (
        Count("macs", 1, "MMACs", "MFLOPs", "multiply-adds", f"MFLOPs, MMACs: 10⁶ multiply-adds {_OF}"),
        Count(
            "flops",
            2,
            "MFLOPs",
            "MFLOPs (two a multiply-add)",
            "floating-point operations, two a multiply-add",
            f"MFLOPs: 10⁶ floating-point operations, two for each multiply-add (--count flops), {_OF} Budgets and the "
            "MobileNet papers count a multiply-add as one.",
        ),
    )
}


def find_count(name: str) -> Count:
    """Raises ``NasError`` naming those there are."""
    if name not in COUNTS:
        raise NasError(f"--count {name}: there are {' and '.join(COUNTS)}")
    return COUNTS[name]
