"""The README of an export: what it is, how images are prepared, what was checked."""

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

from nas.cost import cost
from nas.export.check import FILES, LARGEST
from nas.export.model_py import UNKNOWN
from nas.export.source import Source
from nas.export.templates import template
from nas.machine import versions
from nas.onnx_graph import INPUT, OUTPUT


def readme(source: Source, errors: Mapping[str, float], images: str) -> str:
    """The page as Markdown. ``errors`` by kind of file, compared on ``images`` (in words)."""
    spec, given, names, total = source.spec, source.about.preprocessing, source.about.classes, cost(source.spec)
    return template("readme.md.jinja").render(
        source=source,
        spec=spec,
        size=f"{total.macs / 1e6:,.1f} million multiply-adds an image and {total.params / 1e6:,.2f} million parameters "
        f"at {spec.resolution} px and {spec.classes} classes.",
        mean=given and ", ".join(map(repr, given.mean)),
        std=given and ", ".join(map(repr, given.std)),
        unknown=UNKNOWN,
        named=names is not None,
        classes=None if names is None else "\n".join(f"{index}. {name}" for index, name in enumerate(names)),
        images=images,
        errors={FILES[kind]: error for kind, error in errors.items()},
        largest=f"{LARGEST:.0e}",
        input=INPUT,
        output=OUTPUT,
        version=own_version(),
        versions=", ".join(f"{name} {number}" for name, number in versions().items() if name in ("python", "torch")),
    )


def own_version() -> str:
    try:
        return version("blocknas")
    except PackageNotFoundError:  # a bare checkout
        return "from a checkout"
