"""The block space around MobileNetV3 (Howard et al. 2019, arXiv 1905.02244, tables 1 and 2).

Small and large are exact points of it; so are timm's networks at width 0.75. Their tables, and the variants of the
paper's ablations, are in ``mobilenet_v3_published``.
"""

from dataclasses import replace
from functools import cache, partial

from nas.arch import ArchSpec
from nas.space import Option, Pick
from search_spaces.mobilenet_v3_published import (
    HIDDEN,
    HS,
    NOWHERE,
    PUBLISHED,
    RE,
    STAGES,
    BlockRow,
    assemble,
    published,
)
from search_spaces.reference import Reference

# Blocks a stage can have, by its number.
DEPTHS: dict[str, dict[int, tuple[int, ...]]] = {
    "small": {1: (1, 2), 2: (1, 2, 3), 3: (1, 2, 3), 4: (1, 2), 5: (1, 2, 3)},
    "large": {0: (1,), 1: (1, 2), 2: (1, 2, 3), 3: (1, 2, 3, 4), 4: (1, 2), 5: (1, 2, 3)},
}

# Expanded over incoming width, for each stage and position in it.
EXPANSIONS: dict[int, tuple[tuple[float, ...], ...]] = {
    0: ((1.0,),),
    1: ((1.0, 3.0, 4.0, 6.0),) * 2,
    2: ((3.0, 4.5, 6.0), (3.0, 3.5, 6.0), (3.0, 4.5, 6.0)),
    3: ((3.0, 4.0, 6.0), (2.5, 4.0, 6.0), (2.25, 3.0, 6.0), (2.25, 3.0, 6.0)),
    4: ((3.0, 4.0, 6.0),) * 2,
    5: ((3.0, 4.0, 6.0),) * 3,
}


def mobilenet_v3(pick: Pick) -> ArchSpec:
    """Kernel, expansion, squeeze-excite and activation of each block; depth of each stage; skeleton, width, last layer.

    At 224 px and 1000 classes. Stem and stages scale with the width, the hidden layer of the classifier does not.
    """
    skeleton = pick("skeleton", ("small", "large"))
    width = pick("width", (0.35, 0.5, 0.75, 1.0, 1.25))
    hidden = pick("hidden", (1024, 1280))
    rows = {}
    for number, depths in DEPTHS[skeleton].items():
        depth = pick(f"{skeleton}.stage{number}.depth", depths)
        rows[number] = [_pick_row(pick, number, position) for position in range(depth)]
    return assemble(skeleton, rows, width=width, hidden=hidden)


def _pick_row(pick: Pick, number: int, position: int) -> BlockRow:
    kernel, expansion, se, activation = _names(number, position)
    return BlockRow(
        kernel=pick(kernel, (3, 5, 7)),
        expansion=pick(expansion, EXPANSIONS[number][position]),
        se=pick(se, (False, True)),
        activation=HS if pick(activation, ("relu", "hardswish")) == "hardswish" else RE,
    )


@cache
def _names(number: int, position: int) -> tuple[str, ...]:
    return tuple(f"stage{number}.block{position}.{what}" for what in BlockRow._fields)


def published_choices(skeleton: str, width: float = 1.0) -> dict[str, Option]:
    """MobileNetV3 small or large (tables 2 and 1) as choices of the space, at the widths that it offers."""
    choices: dict[str, Option] = {"skeleton": skeleton, "width": width, "hidden": HIDDEN[skeleton]}
    for number, rows in PUBLISHED[skeleton].items():
        choices[f"{skeleton}.stage{number}.depth"] = len(rows)
        for position, row in enumerate(rows):
            for name, value in row._asdict().items():
                choices[f"stage{number}.block{position}.{name}"] = value
    return choices


def _with_hardswish_everywhere(choices: dict[str, Option]) -> dict[str, Option]:
    return {name: HS if name.endswith(".activation") else value for name, value in choices.items()}


PAPER = "Howard et al. 2019, arXiv 1905.02244"
RELEASED = "Howard et al. 2019, the authors' code, tensorflow/models, research/slim/nets/mobilenet"
SMALL, LARGE = (
    Reference(
        name=f"mobilenet_v3_{skeleton}",
        title=f"MobileNetV3 {skeleton}",
        source=f"{PAPER}, table {table}",
        space="mobilenet_v3",
        scaled=partial(published, skeleton),
        choices=published_choices(skeleton),
    )
    for skeleton, table in (("small", 2), ("large", 1))
)
# The space keeps the published stem and last stage, with h-swish: a variant that changes those is no point of it.
REFERENCES = (
    SMALL,
    LARGE,
    replace(SMALL.at_width(0.75), source=f"{PAPER}, table 3", choices=published_choices("small", 0.75)),
    replace(LARGE.at_width(0.75), source=f"{PAPER}, table 3", choices=published_choices("large", 0.75)),
    *(
        Reference(
            name=f"mobilenet_v3_{skeleton}_minimalistic",
            title=f"MobileNetV3 {skeleton} minimalistic",
            source=RELEASED,
            space="mobilenet_v3",
            scaled=partial(published, skeleton, minimalistic=True),
        )
        for skeleton in ("small", "large")
    ),
    Reference(
        name="mobilenet_v3_large_old_last_stage",
        title="MobileNetV3 large, old last stage",
        source=f"{PAPER}, fig. 5",
        space="mobilenet_v3",
        scaled=partial(published, "large", last_stage="old"),
    ),
    Reference(
        name="mobilenet_v3_large_stem_32",
        title="MobileNetV3 large, stem of 32 with ReLU",
        source=f"{PAPER}, section 5.1",
        space="mobilenet_v3",
        scaled=partial(published, "large", stem=32, stem_activation=RE),
    ),
    Reference(
        name="mobilenet_v3_large_relu",
        title="MobileNetV3 large, ReLU everywhere",
        source=f"{PAPER}, table 5",
        space="mobilenet_v3",
        scaled=partial(published, "large", hardswish_from=NOWHERE),
    ),
    *(
        Reference(
            name=f"mobilenet_v3_large_hardswish_{channels}",
            title=f"MobileNetV3 large, h-swish from {channels} channels on",
            source=f"{PAPER}, {'table 5' if channels in (16, 112) else 'between the rows of table 5'}",
            space="mobilenet_v3",
            scaled=partial(published, "large", hardswish_from=channels),
            choices=_with_hardswish_everywhere(published_choices("large")) if channels == 16 else None,
        )
        for channels in (16, 40, 80, 112)
    ),
)

__all__ = [
    "DEPTHS",
    "EXPANSIONS",
    "PUBLISHED",
    "REFERENCES",
    "STAGES",
    "mobilenet_v3",
    "published",
    "published_choices",
]
