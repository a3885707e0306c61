"""How every command ends: an error the user can mend is one line, an interruption loses nothing."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from nas.errors import NasError


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
