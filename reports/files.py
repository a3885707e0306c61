"""Files that a reader never sees half written."""

import os
from pathlib import Path


def write_whole(path: Path, content: str | bytes) -> Path:
    """Write beside ``path``, then move over it, which is one step for anybody who reads it meanwhile."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")  # two commands may write the same page at once
    try:
        beside.write_bytes(content.encode() if isinstance(content, str) else content)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
    return path
