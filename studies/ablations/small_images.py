"""Where small images cannot answer: kernels that are wider than the map they slide over."""

from collections.abc import Iterable

from nas.blocks import Convolution, DenseLayer, DepthwiseSeparable, InvertedResidual
from studies.ablations.resolve import Network


def wider_than_their_maps(networks: Iterable[Network], resolution: int, classes: int) -> tuple[str, ...]:
    """A sentence for each kernel and map, in the trained form: most of such a kernel meets nothing but padding."""
    networks = tuple(networks)
    found: dict[tuple[int, int], list[str]] = {}
    for network in networks:
        wide = dict.fromkeys(
            (row.block.kernel, min(row.shape.height, row.shape.width))
            for row in network.spec.trained_on(resolution=resolution, classes=classes).rows()
            if isinstance(row.block, InvertedResidual | DepthwiseSeparable | Convolution | DenseLayer)
            and row.block.kernel > min(row.shape.height, row.shape.width)
        )
        for pair in wide:
            found.setdefault(pair, []).append(network.title)
    return tuple(
        f"{kernel}×{kernel} kernels on {side}×{side} maps, at {resolution} px, see mostly padding: these images cannot "
        f"tell what they are worth ({'all networks' if len(titles) == len(networks) else ', '.join(titles)})"
        for (kernel, side), titles in sorted(found.items())
    )
