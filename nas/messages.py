"""Messages between the driver and its workers: pickles with their length in front, over a pipe."""

import pickle
import struct
from typing import IO

_LENGTH = struct.Struct("<Q")


def send(pipe: IO[bytes], message: object) -> None:
    """``message`` may be pickled already. Raises ``OSError`` when nobody listens."""
    content = message if isinstance(message, bytes) else pickle.dumps(message)
    pipe.write(_LENGTH.pack(len(content)) + content)
    pipe.flush()


def receive(pipe: IO[bytes]) -> bytes | None:
    """The next message, still pickled, so that a thread that only listens can fail at nothing; None when the other
    side is gone."""
    try:
        head = pipe.read(_LENGTH.size)
        if len(head) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack(head)
        content = pipe.read(length)
    except (OSError, ValueError):  # closed while reading
        return None
    return content if len(content) == length else None
