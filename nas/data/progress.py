"""One line of progress every other second."""

from __future__ import annotations

import time

from nas.data.request import Say

EVERY_SECONDS = 2.0


class Progress:
    """Says how far a known number of steps has come, and how long the rest will take."""

    def __init__(self, say: Say, what: str, total: int) -> None:
        self._say, self._what, self._total = say, what, total
        self._start = self._last = time.monotonic()
        self._done = 0

    def advance(self, steps: int) -> None:
        """Count ``steps`` more; short jobs end before they say anything."""
        self._done += steps
        now = time.monotonic()
        if now - self._last < EVERY_SECONDS or self._done >= self._total:
            return
        self._last = now
        left = (self._total - self._done) * (now - self._start) / self._done
        self._say(f"{self._what}: {self._done:,} of {self._total:,}, {duration(left)} left")


def duration(seconds: float) -> str:
    """Seconds as people say them: "40 s", "12 min", "3 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.0f} h"
