"""The space of section 5 around SqueezeNet (Iandola et al. 2016, arXiv 1602.07360, table 1 and figure 2).

Points of it: version 1.0 as printed, the authors' 1.1 (2.3 times fewer multiply-adds), both bypasses of figure 2, and
the squeeze ratios of figure 3a.
"""

from dataclasses import replace
from functools import partial
from typing import NamedTuple

from nas.arch import ArchSpec
from nas.blocks import Block, Bypass, Convolution, ConvolutionClassifier, Fire, Pooling
from nas.space import Option, Pick
from search_spaces.channels import divisible
from search_spaces.reference import Reference


class Layout(NamedTuple):
    """Where a version shrinks its maps. Fire modules are numbered 2 to 9, as in the paper."""

    stem_kernel: int  # of the first convolution, stride 2 and no padding
    pooled: tuple[int, ...]  # fire modules with a pooling behind them


LAYOUTS = {
    "1.0": Layout(stem_kernel=7, pooled=(4, 8)),
    "1.1": Layout(stem_kernel=3, pooled=(3, 5)),
}
FIRST_FIRE = 2


class _Network(NamedTuple):
    """The metaparameters of section 5.1, with the macroarchitecture around them."""

    layout: str
    stem: int  # channels of the first convolution
    base: int  # expansion filters of the first fire module: base_e
    incr: int  # how many more after every ``freq`` modules: incr_e
    freq: int
    share3: float  # of the expansion's filters that are 3×3: pct_3x3
    ratio: float  # of squeeze to expansion filters: SR
    bypass: str


# The published networks, a line each.
#                                  layout stem base incr freq 3×3 SR bypass
PUBLISHED = {
    "squeezenet_1_0": _Network("1.0", 96, 128, 128, 2, 0.5, 0.125, "none"),
    "squeezenet_1_1": _Network("1.1", 64, 128, 128, 2, 0.5, 0.125, "none"),
    "squeezenet_1_0_simple_bypass": _Network("1.0", 96, 128, 128, 2, 0.5, 0.125, "simple"),
    "squeezenet_1_0_complex_bypass": _Network("1.0", 96, 128, 128, 2, 0.5, 0.125, "complex"),
}


def squeezenet(pick: Pick) -> ArchSpec:
    """Layout, stem, and the metaparameters of section 5: widths of the fire modules, what they are made of, bypasses.

    At 224 px and 1000 classes. Every increment is above zero and comes at least once, so that each decision counts.
    """
    return _assemble(
        _Network(
            layout=pick("layout", tuple(LAYOUTS)),
            stem=pick("stem", (32, 64, 96)),
            base=pick("base", (16, 32, 64, 96, 128)),
            incr=pick("incr", (16, 32, 64, 96, 128)),
            freq=pick("freq", (2, 3, 4)),
            share3=pick("share3", (0.125, 0.25, 0.375, 0.5, 0.625, 0.75)),
            ratio=pick("ratio", (0.125, 0.25, 0.5, 0.75, 1.0)),
            bypass=pick("bypass", ("none", "simple", "complex")),
        )
    )


def fire_modules(base: int, incr: int, freq: int, share3: float, ratio: float, count: int = 8) -> list[Fire]:
    """Fire modules from the metaparameters of section 5.1: module i (from 0) expands to base + incr · ⌊i / freq⌋.

    Both kinds of expansion add up to that, whatever rounding does to the share; neither is ever without a filter.
    """
    modules = []
    for index in range(count):
        expand = base + incr * (index // freq)
        expand3 = min(max(1, round(share3 * expand)), expand - 1)
        modules.append(Fire(squeeze=max(1, round(ratio * expand)), expand1=expand - expand3, expand3=expand3))
    return modules


def _bypassed(fire: Fire, channels: int, bypass: str) -> Fire:
    """``fire`` as figure 2 has it behind so many channels: past equal widths as they are, past others by a 1×1
    convolution, which only the complex form has."""
    around: Bypass = "none"
    if bypass != "none" and fire.out == channels:
        around = "simple"
    elif bypass == "complex":
        around = "complex"
    return replace(fire, bypass=around)


def _assemble(network: _Network) -> ArchSpec:
    layout = LAYOUTS[network.layout]
    pooling = Pooling(operation="max", kernel=3, stride=2, ceil=True)
    stem = Convolution(kernel=layout.stem_kernel, out=network.stem, stride=2, padding=0, bias=True, norm=False)
    blocks: list[Block] = [stem, pooling]
    channels = network.stem
    fires = fire_modules(network.base, network.incr, network.freq, network.share3, network.ratio)
    for number, fire in enumerate(fires, start=FIRST_FIRE):
        blocks.append(_bypassed(fire, channels, network.bypass))
        channels = fire.out
        if number in layout.pooled:
            blocks.append(pooling)
    blocks.append(ConvolutionClassifier(classes=1000, dropout=0.5))
    # on small images stem and first pooling do not stride
    return ArchSpec(resolution=224, blocks=tuple(blocks), cifar_steps=2, initialisation="uniform")


def published(name: str, width: float = 1.0, *, ratio: float | None = None) -> ArchSpec:
    """A network of ``PUBLISHED`` at any width, 224 px and 1000 classes (at 1.0 the published one).

    Stem, base and increment scale, to multiples of eight. ``ratio`` is another squeeze ratio, as in figure 3a.
    """
    network = PUBLISHED[name]
    return _assemble(
        network._replace(
            stem=divisible(network.stem * width),
            base=divisible(network.base * width),
            incr=divisible(network.incr * width),
            ratio=network.ratio if ratio is None else ratio,
        )
    )


def published_choices(name: str, *, ratio: float | None = None) -> dict[str, Option]:
    """A network of ``PUBLISHED`` as choices of the space."""
    network = PUBLISHED[name]
    return {**network._asdict(), "ratio": network.ratio if ratio is None else ratio}


TITLES = {
    "squeezenet_1_0": ("SqueezeNet 1.0", "table 1"),
    "squeezenet_1_1": ("SqueezeNet 1.1", "version 1.1 of the authors' repository"),
    "squeezenet_1_0_simple_bypass": ("SqueezeNet 1.0, simple bypass", "figure 2, middle"),
    "squeezenet_1_0_complex_bypass": ("SqueezeNet 1.0, complex bypass", "figure 2, right"),
}
PAPER = "Iandola et al. 2016, arXiv 1602.07360"

REFERENCES: tuple[Reference, ...] = (
    *(
        Reference(
            name=name,
            title=title,
            source=f"{PAPER}, {place}",
            space="squeezenet",
            scaled=partial(published, name),
            choices=published_choices(name),
        )
        for name, (title, place) in TITLES.items()
    ),
    *(
        Reference(
            name=f"squeezenet_1_0_squeeze_{round(100 * ratio)}",
            title=f"SqueezeNet 1.0, squeeze ratio {ratio:g}",
            source=f"{PAPER}, figure 3a",
            space="squeezenet",
            scaled=partial(published, "squeezenet_1_0", ratio=ratio),
            choices=published_choices("squeezenet_1_0", ratio=ratio),
        )
        for ratio in (0.5, 0.75, 1.0)
    ),
)
