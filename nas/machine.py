"""Which machine and which versions a training ran on, for the record."""

import os
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("torch", "optuna", "numpy")


@cache
def _versions() -> tuple[tuple[str, str], ...]:
    found = [("python", platform.python_version())]
    for package in PACKAGES:
        try:
            found.append((package, version(package)))
        except PackageNotFoundError:  # a bare checkout
            continue
    return tuple(found)


def versions() -> dict[str, str]:
    """Package → version, Python's own included."""
    return dict(_versions())


def machine() -> dict[str, str]:
    """Processor, cores this process may use, and system; nothing that identifies a person or a host."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        cores = os.cpu_count() or 1
    return {"processor": _processor(), "cores": str(cores), "system": f"{platform.system()} {platform.machine()}"}


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
