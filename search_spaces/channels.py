"""How the MobileNets round scaled widths."""


def divisible(channels: float, by: int = 8) -> int:
    """The nearest multiple of ``by``, never more than 10% below (MobileNet's rule for scaled widths)."""
    rounded = max(by, int(channels + by / 2) // by * by)
    return rounded + by if rounded < 0.9 * channels else rounded
