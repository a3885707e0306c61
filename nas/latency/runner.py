"""Measures the networks of this pack on this device: python pack.zip [device.csv]

Needs onnxruntime and nothing else. One thread, one image at a time. What it finds goes into the CSV as it comes;
interrupted, it goes on where it stopped. Leave the device to itself while it runs.
"""

from __future__ import annotations

import csv
import json
import os
import platform
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import onnxruntime

try:
    from turns import Timed, Turns, Unsettled, clocked  # type: ignore[import-not-found]  # as it lies in a pack
except ImportError:
    from nas.latency.turns import Timed, Turns, Unsettled, clocked

COLUMNS = ("kind", "name", "ms", "low", "high", "what")
TOGETHER = 50  # that are timed in turns


class Pack:
    """A pack's ONNX files, and the list of what they are."""

    def __init__(self, path: str) -> None:
        self._zip = zipfile.ZipFile(path)
        self.manifest: dict[str, Any] = json.loads(self._zip.read("manifest.json"))

    def ready(self, name: str) -> Timed:
        """One of its networks, ready to be timed."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors
        session = onnxruntime.InferenceSession(self._zip.read(name), options, providers=["CPUExecutionProvider"])
        given = session.get_inputs()[0]
        image = numpy.random.default_rng(0).standard_normal(given.shape).astype("float32")
        return clocked(lambda: session.run(None, {given.name: image}))


def main(pack_path: str, out: Path) -> None:
    pack = Pack(pack_path)
    manifest = pack.manifest
    level, done = _continue(out, manifest["pack"])
    turns = Turns(pack.ready(manifest["reference"]), level)
    with out.open("a", newline="") as file:
        rows = csv.writer(file)
        if file.tell() == 0:
            rows.writerow(COLUMNS)
            for name, what in _about(manifest):
                rows.writerow(("meta", name, "", "", "", what))
            file.flush()
        for kind in ("overhead", "block", "network"):
            left = [one for one in manifest["files"] if one["kind"] == kind and one["name"] not in done]
            for start in range(0, len(left), TOGETHER):
                group = left[start : start + TOGETHER]
                timed = turns.time([pack.ready(one["name"]) for one in group])
                if "reference" not in done:
                    rows.writerow(("reference", manifest["reference"], turns.level, turns.level, turns.level, ""))
                    done.add("reference")
                for one, found in zip(group, timed):  # noqa: B905  # for older Pythons too
                    rows.writerow((kind, one["name"], *found, json.dumps(one["what"])))
                file.flush()
                print(f"{kind}s: {start + len(group)} of {len(left)}", flush=True)
    print(f"done: {out}")


def _continue(out: Path, pack: str) -> tuple[float | None, set[str]]:
    """The level of the reference, and the names of what was measured before."""
    if not out.exists():
        return None, set()
    csv.field_size_limit(1 << 24)
    written = out.read_bytes()
    whole = written[: written.rfind(b"\n") + 1]  # a row that was cut off is measured again
    if whole != written:
        out.write_bytes(whole)
    if not whole:
        return None, set()
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    if not any(row["name"] == "pack" and row["what"] == pack for row in rows):
        sys.exit(f"{out}: measured with another pack; give another name")
    level = next((float(row["ms"]) for row in rows if row["kind"] == "reference"), None)
    names = {row["name"] for row in rows if row["kind"] != "meta"}
    return level, names | ({"reference"} if level is not None else set())


def _about(manifest: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "pack", manifest["pack"]
    yield "key", manifest["key"]
    yield "files", str(len(manifest["files"]))
    yield "processor", _processor()
    yield "system", f"{platform.system()} {platform.machine()}"
    yield "runtime", f"onnxruntime {onnxruntime.__version__}, 1 thread"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(errors="replace").splitlines():
            if line.lower().startswith(("model name", "hardware")):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        main(sys.argv[0], Path(sys.argv[1] if len(sys.argv) > 1 else "device.csv"))
    except Unsettled as error:
        sys.exit(f"this device does not settle: {error}; stop what else is running, and start again: it goes on")
