"""Numbers that were measured here before, in the cache folder: a file for each kind, what they hold for → number."""

import json
from collections.abc import Mapping
from pathlib import Path

from nas.data.request import find_cache_dir
from nas.machine import machine, versions


def here() -> str:
    """What measured seconds hold for: this processor and this torch."""
    return f"{machine()['processor']}, torch {versions().get('torch', '?')}"


def kept(kind: str) -> dict[str, float]:
    """All that is known of a kind; nothing where the file is absent or damaged."""
    try:
        found = json.loads(_file(kind).read_text())
        return {str(what): float(number) for what, number in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def keep(kind: str, numbers: Mapping[str, float]) -> None:
    """Add these. A cache that cannot be written costs measuring again, not the run."""
    file = _file(kind)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part")
        part.write_text(json.dumps({**kept(kind), **numbers}, indent=1))
        part.replace(file)
    except OSError:
        return


def _file(kind: str) -> Path:
    return find_cache_dir() / f"{kind}.json"
