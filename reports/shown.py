"""From records and figures to a page: what the pages of all kinds of runs share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from reports.figures import base
from reports.figures.base import Drawing, Skipped
from reports.files import write_whole

Run = TypeVar("Run")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One figure as it stands on the page: an ``<svg>`` with its caption, or the reason why it is not there."""

    name: str
    title: str
    svg: str = ""
    caption: str = ""
    reason: str = ""


def draw_all(run: Run, figures: Mapping[str, Callable[[Run], Drawing | Skipped]], folder: Path) -> list[Shown]:
    """Draw every figure into ``folder`` as SVG and PNG; one that the records no longer support is removed."""
    shown = []
    for name, draw in figures.items():
        with base.style():
            drawn = draw(run)
            if isinstance(drawn, Skipped):
                for kind in ("svg", "png"):
                    (folder / f"{name}.{kind}").unlink(missing_ok=True)
                shown.append(Shown(name=name, title=drawn.title, reason=drawn.reason))
                continue
            base.settle(drawn.figure)
            svg = base.svg(drawn.figure, name)
            write_whole(folder / f"{name}.svg", svg)
            write_whole(folder / f"{name}.png", base.png(drawn.figure))
            shown.append(Shown(name=name, title=drawn.title, svg=svg, caption=drawn.caption))
    return shown


def render(template: str, values: Mapping[str, object]) -> str:
    """One of the templates beside this file; every value is escaped but a figure's ``<svg>`` and the script by
    which tables sort."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    sorting = (Path(__file__).parent / "sort.js").read_text(encoding="utf-8")
    return environment.get_template(template).render(sorting=sorting, **values)
