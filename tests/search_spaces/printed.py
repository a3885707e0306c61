"""Counts beside the figures that papers print."""


def millions(count: int, like: str) -> str:
    """``count`` in millions, rounded to as many decimals as ``like`` has: (4_231_976, "4.2") → "4.2"."""
    decimals = len(like.partition(".")[2])
    return f"{count / 1e6:.{decimals}f}"


def truncated(count: int, like: str) -> str:
    """The same with the digits after those cut off, as some tables have it."""
    unit = 10 ** (6 - len(like.partition(".")[2]))
    return millions(count // unit * unit, like)
