"""The commands in this process, with what they print and how they end."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nas.__main__ import app


@dataclass(frozen=True)
class Ended:
    """One command, finished."""

    status: int
    stdout: str
    stderr: str


def nas(*words: str) -> Ended:
    """``nas WORDS``; exceptions that are no exit propagate."""
    with _typed(words):
        result = CliRunner().invoke(app, list(words), prog_name="nas")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Ended(status=result.exit_code, stdout=result.stdout, stderr=result.stderr)


@contextmanager
def _typed(words: tuple[str, ...]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["nas", *words])
        yield


def files(folder: Path) -> dict[str, bytes]:
    """Everything below a folder: path → bytes; folders end in a slash."""
    return {
        f"{path.relative_to(folder)}{'/' if path.is_dir() else ''}": b"" if path.is_dir() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
    }
