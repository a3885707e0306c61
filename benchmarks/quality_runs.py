"""Searches of a table, one a sampler, budget and seed, kept in a file so that a stopped benchmark goes on."""

import json
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import optuna

from benchmarks.quality_table import MacsLimit, Table
from nas.errors import SpaceExhausted
from nas.samplers import SAMPLERS, InsideSampler
from nas.space import explore, from_trial


@dataclass(frozen=True, kw_only=True)
class Search:
    """One search to be done."""

    sampler: str
    budget: float  # multiply-adds, in the table's unit
    seed: int
    evaluations: int
    searched: tuple[int, ...]  # trainings whose mean accuracy the search is told
    objectives: int = 1  # 2: multiply-adds too, the fewer the better

    @property
    def key(self) -> str:
        """The same for the same search of one table; a longer one serves for a shorter."""
        return f"{self.sampler} {self.budget:.10g} {self.seed} {self.searched} {self.objectives}"


@dataclass(frozen=True, kw_only=True)
class Found:
    """What came out, in order."""

    key: str
    archs: list[str]
    ms: list[float]  # of each suggestion


def search(table: Table, asked: Search) -> Found:
    """Ask, look up, tell."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = InsideSampler(
        table.space,
        MacsLimit(table, asked.budget),
        seed=asked.seed,
        make_inner=SAMPLERS[asked.sampler],
        name=asked.sampler,
        candidates=table.candidates(),
    )
    study = optuna.create_study(directions=["maximize", "minimize"][: asked.objectives], sampler=sampler)
    archs, ms = [], []
    for _ in range(asked.evaluations):
        begin = time.process_time()
        trial = study.ask()
        try:
            _, arch = explore(table.space, from_trial(trial))
        except SpaceExhausted:
            break
        ms.append(1e3 * (time.process_time() - begin))
        archs.append(arch)
        values = (table.accuracy(arch, asked.searched), table.macs[arch])
        study.tell(trial, list(values[: asked.objectives]))
    return Found(key=asked.key, archs=archs, ms=[round(one, 3) for one in ms])


def run_all(
    table: Table, searches: Sequence[Search], file: Path, *, processes: int, say: Callable[[str], None]
) -> dict[str, Found]:
    """All of them, by key; those in the file already are not done again."""
    known = {found.key: found for found in _read(file)}
    left = [one for one in searches if one.key not in known or len(known[one.key].archs) < one.evaluations]
    say(f"{len(searches)} searches, {len(searches) - len(left)} of them done before")
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as out:
        for done, found in enumerate(_results(table, left, processes), start=1):
            known[found.key] = found
            out.write(json.dumps(asdict(found)) + "\n")
            out.flush()
            if done % 20 == 0 or done == len(left):
                say(f"{done} of {len(left)}")
    return known


def _results(table: Table, searches: Sequence[Search], processes: int) -> Iterable[Found]:
    if processes == 1:
        yield from (search(table, one) for one in searches)
        return
    with ProcessPoolExecutor(processes) as pool:
        yield from pool.map(search, [table] * len(searches), searches)


def _read(file: Path) -> list[Found]:
    if not file.exists():
        return []
    return [Found(**json.loads(line)) for line in file.read_text().splitlines() if line.endswith("}")]
