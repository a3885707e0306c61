"""The published networks there are."""

from typing import TYPE_CHECKING, Any

from nas.profile.table import WIDE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.table import Table

    from nas.arch import ArchSpec
    from nas.cost import Cost
    from search_spaces import Reference


def references_table(*, width: int) -> "Table":
    """Every published network in its native form; in few columns of text only the paper of its source."""
    from rich import box
    from rich.table import Table

    wide = width >= WIDE
    shown = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0) if wide else 0, show_edge=False)
    shown.add_column("name", no_wrap=True)
    for head in ("px", "classes", "MFLOPs", "params\nM"):
        shown.add_column(head, justify="right", no_wrap=True)
    shown.add_column("source")
    for reference, spec, total in _natively():
        shown.add_row(
            reference.name,
            f"{spec.resolution}",
            f"{spec.classes}",
            f"{total.macs / 1e6:,.1f}",
            f"{total.params / 1e6:,.2f}",
            reference.source if wide else _paper(reference.source),
        )
    return shown


def _paper(source: str) -> str:
    """``arXiv 1905.02244`` of ``Howard et al. 2019, arXiv 1905.02244, table 2``, or whose it is."""
    parts = source.split(", ")
    return next((part for part in parts if part.startswith("arXiv ")), parts[0])


def references_json() -> dict[str, Any]:
    """The document of ``--list --json``; ``cifar_steps`` is null for a network with no rule for small images."""
    references = [
        {
            "name": reference.name,
            "title": reference.title,
            "source": reference.source,
            "space": reference.space,
            "resolution": spec.resolution,
            "classes": spec.classes,
            "macs": total.macs,
            "params": total.params,
            "peak_activation_bytes": total.peak_activation_bytes,
            "cifar_steps": spec.cifar_steps,
        }
        for reference, spec, total in _natively()
    ]
    return {"names": [one["name"] for one in references], "references": references}


def _natively() -> "Iterator[tuple[Reference, ArchSpec, Cost]]":
    """Each in its native form, with what it costs there."""
    from nas.cost import cost
    from search_spaces import REFERENCES

    for reference in REFERENCES.values():
        spec = reference.spec()
        yield reference, spec, cost(spec)
