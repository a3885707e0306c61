"""Mirrors that are slow, wrong, broken or gone, played by a server on this machine."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nas.data import DatasetUnavailable
from nas.data.cifar10 import load_cifar10
from nas.data.cifar10_batches import ARCHIVE
from nas.data.download import Patience, download
from nas.data.mirrors import MIRRORS, ORIGINAL, known_mirrors, reachable
from nas.data.request import request
from nas.errors import NasError

QUICK = Patience(
    connect_seconds=1.0,
    silence_seconds=1.0,
    judge_seconds=0.1,
    hopeless_seconds=1.0,
    last_resort_seconds=30.0,
)


class Server:
    """Serves one content at any path; the path says how well."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.asked: list[tuple[str, str | None]] = []  # path, Range
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.answer(self)

            def log_message(self, *_: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.http.server_port}/{path}"

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        wanted = handler.headers.get("Range")
        self.asked.append((handler.path, wanted))
        how = handler.path.strip("/")
        content = self.content
        if how == "missing":
            handler.send_error(404)
            return
        if how == "silent":
            time.sleep(2)
            return
        if how == "wrong":
            content = content[:-1] + bytes([content[-1] ^ 1])
        if how == "page":
            content = b"<html>please log in</html>"
        start = 0
        if wanted and how != "no-ranges":
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            handler.send_response(206)
            handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            handler.send_response(200)
        if how != "page":
            handler.send_header("Content-Length", str(len(content) - start))
        handler.end_headers()
        rest = content[start:]
        if how == "breaks":  # after two fifths of the whole, each time
            rest = rest[: 2 * len(content) // 5]
        pieces, pause = (50, 0.06) if how == "slow" else (2000, 0.06) if how == "hopeless" else (1, 0.0)
        size = -(-len(rest) // pieces)
        try:
            for at in range(0, len(rest), max(size, 1)):
                handler.wfile.write(rest[at : at + size])
                time.sleep(pause)
        except OSError:
            pass  # the other side has had enough


@pytest.fixture
def server(tiny_cifar: Any) -> Iterator[Server]:
    server = Server(tiny_cifar.archive)
    yield server
    server.http.shutdown()
    server.http.server_close()
    server.thread.join()


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return tmp_path / "downloads" / ARCHIVE


def fetch(server: Server, archive: Path, tiny: Any, *paths: str, said: list[str] | None = None) -> None:
    lines: list[str] = [] if said is None else said
    urls = [path if "://" in path else server.url(path) for path in paths]
    download(archive, tiny.published, mirrors=urls, patience=QUICK, say=lines.append)
    assert archive.read_bytes() == tiny.archive
    assert not part(archive).exists()


def part(archive: Path) -> Path:
    return archive.with_name(archive.name + ".part")


def test_the_archive_is_downloaded_read_and_found_again(
    server: Server, tiny_cifar: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAS_CIFAR10_MIRRORS", server.url("good"))
    asked = request(data_dir=None, resolution=None, cache_dir=None, say=lambda _: None)
    for _ in range(2):
        data = load_cifar10(asked, published=tiny_cifar.published)
        assert np.array_equal(data.images, tiny_cifar.images)
        assert data.label == "CIFAR-10"
    assert len(server.asked) == 1


def test_a_folder_given_by_hand_is_downloaded_into(server: Server, tiny_cifar: Any, tmp_path: Path) -> None:
    place = tmp_path / "mine"
    place.mkdir()
    asked = request(data_dir=place, resolution=None, cache_dir=None, say=lambda _: None)
    load_cifar10(asked, published=tiny_cifar.published, mirrors=[server.url("good")])
    assert (place / ARCHIVE).exists()


def test_a_folder_from_the_environment_is_not_downloaded_into(
    server: Server, tiny_cifar: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may hold another data set of the user's."""
    place = tmp_path / "mine"
    (place / "train" / "pets").mkdir(parents=True)
    monkeypatch.setenv("NAS_DATA_DIR", str(place))
    asked = request(data_dir=None, resolution=None, cache_dir=None, say=lambda _: None)
    load_cifar10(asked, published=tiny_cifar.published, mirrors=[server.url("good")])
    assert [path.name for path in place.iterdir()] == ["train"]
    assert (tmp_path / "cache" / "downloads" / ARCHIVE).exists()


@pytest.mark.parametrize("bad", ["missing", "wrong", "page", "silent", "hopeless"])
def test_the_next_mirror_takes_over(server: Server, archive: Path, tiny_cifar: Any, bad: str) -> None:
    fetch(server, archive, tiny_cifar, bad, "good")
    assert server.asked[0][0] == f"/{bad}"
    assert server.asked[-1][0] == "/good"


def test_the_next_mirror_goes_on_where_a_slow_one_was_left(server: Server, archive: Path, tiny_cifar: Any) -> None:
    fetch(server, archive, tiny_cifar, "hopeless", "good")
    (_, begin), (_, go_on) = server.asked
    assert begin is None
    assert go_on is not None


def test_a_broken_connection_is_continued(server: Server, archive: Path, tiny_cifar: Any) -> None:
    fetch(server, archive, tiny_cifar, "breaks")
    assert len(server.asked) == 3
    length = len(tiny_cifar.archive)
    assert [wanted for _, wanted in server.asked] == [
        None,
        f"bytes={2 * length // 5}-",
        f"bytes={2 * (2 * length // 5)}-",
    ]


def test_an_interrupted_download_is_continued_later(server: Server, archive: Path, tiny_cifar: Any) -> None:
    archive.parent.mkdir()
    part(archive).write_bytes(tiny_cifar.archive[:1000])
    fetch(server, archive, tiny_cifar, "good")
    assert server.asked == [("/good", "bytes=1000-")]


def test_a_finished_part_only_needs_checking(server: Server, archive: Path, tiny_cifar: Any) -> None:
    archive.parent.mkdir()
    part(archive).write_bytes(tiny_cifar.archive)
    fetch(server, archive, tiny_cifar, "good")
    assert server.asked == []


@pytest.mark.parametrize("rubbish", [b"x" * 1000, b"x" * 10_000_000])
def test_a_wrong_beginning_is_thrown_away(server: Server, archive: Path, tiny_cifar: Any, rubbish: bytes) -> None:
    archive.parent.mkdir()
    part(archive).write_bytes(rubbish)
    fetch(server, archive, tiny_cifar, "good")
    assert server.asked[-1] == ("/good", None)


def test_a_server_that_cannot_continue_starts_over(server: Server, archive: Path, tiny_cifar: Any) -> None:
    archive.parent.mkdir()
    part(archive).write_bytes(tiny_cifar.archive[:1000])
    fetch(server, archive, tiny_cifar, "no-ranges")


def test_the_fastest_slow_mirror_is_the_last_resort(server: Server, archive: Path, tiny_cifar: Any) -> None:
    said: list[str] = []
    fetch(server, archive, tiny_cifar, "hopeless", "slow", said=said)
    assert any("no faster mirror" in line for line in said)
    assert server.asked[-1][0] == "/slow"


def test_a_wrong_checksum_is_never_kept(server: Server, archive: Path, tiny_cifar: Any) -> None:
    with pytest.raises(DatasetUnavailable, match="wrong checksum"):
        fetch(server, archive, tiny_cifar, "wrong")
    assert not archive.exists()
    assert not part(archive).exists()


def test_every_mirrors_failure_is_told(server: Server, archive: Path, tiny_cifar: Any) -> None:
    with pytest.raises(DatasetUnavailable) as caught:
        fetch(server, archive, tiny_cifar, "missing", "hopeless", "http://127.0.0.1:9/gone")
    message = str(caught.value)
    for reason in ("Not Found", "too slow", "127.0.0.1:9: cannot be reached", ORIGINAL, "NAS_DATA_DIR"):
        assert reason in message
    assert "\n" not in message


def test_another_file_is_recognised_before_it_is_downloaded(server: Server, archive: Path, tiny_cifar: Any) -> None:
    server.content += b"more"
    with pytest.raises(DatasetUnavailable, match=r"its file has [\d,]+ bytes instead of"):
        fetch(server, archive, tiny_cifar, "good")
    assert not part(archive).exists()


def test_looking_up_names_for_ever_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a network a resolver may take minutes: neither this call nor the end of the program waits for it."""
    end = threading.Event()

    def look_up(*_: Any, **__: Any) -> None:
        end.wait(20)
        raise OSError

    monkeypatch.setattr(socket, "create_connection", look_up)
    before = set(threading.enumerate())
    start = time.monotonic()
    assert reachable(MIRRORS, seconds=0.2) == []
    assert time.monotonic() - start < 5
    waiting = set(threading.enumerate()) - before
    assert len(waiting) == len(MIRRORS)
    assert all(thread.daemon for thread in waiting)
    end.set()
    for thread in waiting:
        thread.join()


def test_without_a_network_the_answer_comes_at_once(archive: Path, tiny_cifar: Any) -> None:
    start = time.monotonic()
    with pytest.raises(DatasetUnavailable):
        # .invalid is reserved: it has no address anywhere (RFC 2606)
        download(
            archive,
            tiny_cifar.published,
            mirrors=[f"https://mirror{number}.invalid/{ARCHIVE}" for number in range(6)],
            patience=QUICK,
            say=lambda _: None,
        )
    assert time.monotonic() - start < QUICK.connect_seconds + 0.5


def test_amount_rate_and_time_left_are_said(
    server: Server, archive: Path, tiny_cifar: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nas.data.download.EVERY_SECONDS", 0.05)
    said: list[str] = []
    patient = Patience(judge_seconds=60)
    download(archive, tiny_cifar.published, mirrors=[server.url("slow")], patience=patient, say=said.append)
    assert said[0] == f"CIFAR-10: not found, downloading it to {archive.parent} (0 MB, once)"
    assert len(said) > 5
    assert all(" of 0 MB from 127.0.0.1" in line and " MB/s, " in line and " s left" in line for line in said[1:])


def test_a_place_that_cannot_be_written_is_named(server: Server, tmp_path: Path, tiny_cifar: Any) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NasError, match="file: CIFAR-10 cannot be written there"):
        fetch(server, tmp_path / "file" / ARCHIVE, tiny_cifar, "good")


def test_mirrors_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAS_CIFAR10_MIRRORS", "https://a.example/x.tar.gz, http://b.example/y ,")
    assert known_mirrors() == ("https://a.example/x.tar.gz", "http://b.example/y")
    monkeypatch.delenv("NAS_CIFAR10_MIRRORS")
    assert known_mirrors() == MIRRORS


@pytest.mark.parametrize("url", ["ftp://a.example/x", "/some/file", "http://"])
def test_an_address_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("NAS_CIFAR10_MIRRORS", f"https://a.example/x,{url}")
    with pytest.raises(NasError, match=f"NAS_CIFAR10_MIRRORS: '{url}' is no http or https address"):
        known_mirrors()
