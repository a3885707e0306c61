"""How every command ends: an error the user can mend is one line, an interruption loses nothing."""

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from typer.core import TyperCommand, TyperGroup

from nas.errors import NasError


class OneLine(TyperCommand):
    """A command whose usage errors (``--budget-mflops many``) are one line on stderr too, as all others are."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except Exception as error:
            _end_in_one_line(error, ctx)
            raise


class OneLineGroup(TyperGroup):
    """The same for the name of a command: ``nas serach``."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        try:
            return super().resolve_command(ctx, args)
        except Exception as error:
            _end_in_one_line(error, ctx)
            raise


def _end_in_one_line(error: Exception, context: Any) -> None:
    # click's own exceptions have it; which module they come from differs between versions of typer
    message = getattr(error, "format_message", None)
    if message is not None:
        text = " ".join(message().split()).rstrip(".")
        print(f"error: {text}; {context.command_path} --help shows what there is", file=sys.stderr)
        raise SystemExit(2) from None


def as_typed(module: str, name: str) -> str:
    """The command as it was begun and can be typed again: ``python -m MODULE …``, ``python -m nas NAME …`` or
    ``nas NAME …``."""
    program = Path(sys.argv[0])
    typed = sys.argv[1:]
    if program.suffix != ".py":
        start = f"{program.name} {name}"
    elif program.parts[-2:] == ("nas", "__main__.py"):
        start = f"python -m nas {name}"
    else:
        start = f"python -m {module}"
    if start.endswith(f" {name}") and typed[:1] == [name]:
        typed = typed[1:]
    return " ".join([start, *(shlex.quote(word) for word in typed)])


@contextmanager
def mended_by_user() -> Iterator[None]:
    """A ``NasError`` becomes one line on stderr and exit status 2; an interruption ends with 130, as shells expect."""
    try:
        yield
    except NasError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        print("\ninterrupted; nothing is lost: the same command continues", file=sys.stderr)
        raise SystemExit(130) from None
