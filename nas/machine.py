"""Which machine and which versions a training ran on, for the record."""

import os
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")  # in a container, what it is limited to
PACKAGES = ("torch", "optuna", "numpy")


@cache
def _versions() -> tuple[tuple[str, str], ...]:
    found = [("python", platform.python_version())]
    found += [(package, known) for package in PACKAGES if (known := version_of(package)) is not None]
    return tuple(found)


def version_of(package: str) -> str | None:
    """The installed version; None where it is not installed, or not so that Python knows."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def versions() -> dict[str, str]:
    """Package → version, Python's own included."""
    return dict(_versions())


def cores() -> int:
    """That this process may use, a container's share of time included."""
    try:
        count = len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        count = os.cpu_count() or 1
    words = _limit("cpu.max")  # microseconds of every so many, or "max"
    if len(words) == 2 and words[0].isdigit():
        count = min(count, max(1, int(words[0]) // int(words[1])))
    return count


def available_memory() -> int | None:
    """Bytes that could be used without swapping, in a container's limit; None where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:  # not Linux
        return None
    free = next((1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")), None)
    limit, used = _limit("memory.max"), _limit("memory.current")
    if free is not None and limit and used and limit[0].isdigit():
        free = min(free, max(0, int(limit[0]) - int(used[0])))
    return free


def _limit(name: str) -> list[str]:
    """The words of one of the container's limits; none where there is no such file."""
    try:
        return (CGROUP / name).read_text().split()
    except OSError:
        return []


def machine() -> dict[str, str]:
    """Processor, cores this process may use, and system; nothing that identifies a person or a host."""
    return {"processor": _processor(), "cores": str(cores()), "system": f"{platform.system()} {platform.machine()}"}


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
