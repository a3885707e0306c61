"""From what ``--latency-target`` says to a table, and to limits that hold networks to it."""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from pathlib import Path

from nas.arch import ArchSpec
from nas.budget import Budget
from nas.draw import space_fingerprint
from nas.errors import LatencyError
from nas.latency.build import Form, build, measure
from nas.latency.limits import LatencyLimits
from nas.latency.predict import Predictor
from nas.latency.stopwatch import Stopwatch
from nas.latency.table import Table, folder, path_of, read
from nas.latency.targets import TARGETS, Target, find_target
from nas.latency.value import Latency
from nas.space import Space


@dataclass(slots=True, kw_only=True)
class Found:
    """A table, where it is kept, and the target that can fill it; None: what it holds was measured elsewhere."""

    table: Table
    path: Path
    target: Target | None


def find(name: str, *, any_machine: bool = False) -> Found:
    """A target of this machine, a device whose measurements were brought here, or a table in a file.

    Raises ``LatencyError``: a target that is not here, a name nobody knows, a table of another machine (``any_machine``
    takes it).
    """
    if name in TARGETS:
        return _here(find_target(name))
    if name.endswith(".json"):
        return _from_file(Path(name), any_machine=any_machine)
    device = folder() / f"{name}.json"
    if not device.exists():
        known = [*TARGETS, *devices()]
        near = get_close_matches(name, known, n=1)
        raise LatencyError(
            f"--latency-target {name}: unknown; {f'did you mean {near[0]}? ' if near else ''}there are "
            f"{', '.join(known)}; `python -m nas.latency import` adds a device"
        )
    return Found(table=read(device), path=device, target=None)


def devices() -> list[str]:
    """Names of the devices whose measurements were brought here."""
    if not folder().is_dir():
        return []
    names = sorted(path.stem for path in folder().glob("*.json"))
    return [name for name in names if not any(name.startswith(f"{target}-") for target in TARGETS)]


def _here(target: Target) -> Found:
    table = Table(name=target.name, fingerprint=target.fingerprint())
    path = path_of(table)
    return Found(table=read(path) if path.exists() else table, path=path, target=target)


def _from_file(path: Path, *, any_machine: bool) -> Found:
    table = read(path)
    target = TARGETS.get(table.name)
    if target is None:  # a device's, wherever the file lies
        return Found(table=table, path=path, target=None)
    try:
        here = find_target(table.name).fingerprint()
    except LatencyError:
        here = "none here"
    if here == table.fingerprint:
        return Found(table=table, path=path, target=target)
    if not any_machine:
        raise LatencyError(
            f"--latency-target {path}: measured on another machine ({table.fingerprint}; this one is {here}); "
            "--any-machine takes it all the same"
        )
    return Found(table=table, path=path, target=None)


def predictor(
    found: Found, space: Space, form: Form, *, key: str, say: Callable[[str], None], stopwatch: Stopwatch | None
) -> Predictor:
    """Predicts for this space in this form; what the table lacks is measured. Raises ``LatencyError``."""
    table = found.table
    if key not in table.calibrations and stopwatch is None:
        known = "; ".join(table.calibrations) or "nothing"
        raise LatencyError(
            f"--latency-target {table.name}: its table is for {known}, and this search needs {key}; pack the blocks of "
            "this space and form (`python -m nas.latency pack`) and measure them there"
        )
    if stopwatch is None:
        return Predictor(table=table, calibration=table.calibrations[key])
    return build(
        table,
        space,
        form,
        key=key,
        stopwatch=stopwatch,
        say=say,
        save=lambda: table.save(found.path),
    )


def limits(found: Found, space: Space, budget: Budget, *, key: str, say: Callable[[str], None]) -> LatencyLimits:
    """Limits for a search: ready to predict, and to measure where the target is here. Raises ``LatencyError``, and
    ``BudgetError`` for a budget below what it takes to call the runtime."""
    stopwatch = stopwatch_for(found)
    predict = predictor(found, space, budget.deployed, key=key, say=say, stopwatch=stopwatch)
    made = LatencyLimits(budget=budget, predict=predict, say=say)
    if stopwatch is not None:
        made.measure = partial(_measured, found, stopwatch)
    return made


def stopwatch_for(found: Found) -> Stopwatch | None:
    """None where what the table holds was measured elsewhere."""
    return None if found.target is None else Stopwatch(target=found.target, level=found.table.level)


def _measured(found: Found, stopwatch: Stopwatch, spec: ArchSpec) -> Latency:
    latency = measure(found.table, stopwatch, [spec])[0]
    found.table.save(found.path)
    return latency


def calibration_key(name: str, space: Space, *, resolution: int, classes: int) -> str:
    """``mobilenet_v3 (1a2b3c4d) at 224 px, 1000 classes``."""
    return f"{name} ({space_fingerprint(space)}) at {resolution} px, {classes} classes"
