"""A study by its name, or a user's own by its file."""

import importlib
import importlib.util
import re
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType

from nas.errors import NasError
from studies import BASELINES, STUDIES
from studies.ablation import Ablation


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An ablation, what it is called, and where its faults are to be mended."""

    name: str
    place: str
    study: Ablation


def is_file(name: str) -> bool:
    return name.endswith(".py")


def find(name: str) -> Found:
    """Raises ``NasError``: a name that nobody knows, a file that is not there, cannot be read, or holds no study."""
    if is_file(name):
        return _own(Path(name))
    known = [one for one in STUDIES if one != BASELINES]
    if name not in known:
        near = get_close_matches(name, STUDIES, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise NasError(f"study {name}: unknown; {hint}there are {', '.join(STUDIES)}, or FILE.py for your own")
    place = f"studies/{name}.py"
    return Found(name=name, place=place, study=_study(importlib.import_module(f"studies.{name}"), place))


def _own(path: Path) -> Found:
    if not path.is_file():
        raise NasError(f"{path}: no such file; it is to hold STUDY = Ablation(…)")
    name = path.stem
    if not re.fullmatch(r"\w[\w-]*", name):
        raise NasError(f"{path}: the study is named after its file; use letters, digits, - and _")
    if name in STUDIES:
        raise NasError(f"{path}: {name} is a study that comes along; give the file another name")
    spec = importlib.util.spec_from_file_location(f"_study_{name}", path)
    assert spec is not None  # a file that ends in .py has one
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except NasError as error:
        raise NasError(f"{path}: {error}") from None
    except Exception as error:  # whatever a user's file does
        line = _line(error, path)
        raise NasError(f"{path}{line}: {type(error).__name__}: {_first_line(error)}") from None
    return Found(name=name, place=str(path), study=_study(module, str(path)))


def _study(module: ModuleType, place: str) -> Ablation:
    found = getattr(module, "STUDY", None)
    if not isinstance(found, Ablation):
        kind = "has no STUDY" if found is None else f"its STUDY is of type {type(found).__name__}"
        raise NasError(f"{place}: {kind}; it is to hold STUDY = Ablation(…) (from studies.ablation)")
    return found


def _line(error: BaseException, path: Path) -> str:
    """``:12``, where in the file it happened."""
    if isinstance(error, SyntaxError):
        return f":{error.lineno}"
    lines = []
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            lines.append(trace.tb_lineno)
        trace = trace.tb_next
    return f":{lines[-1]}" if lines else ""


def _first_line(error: BaseException) -> str:
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    return (text.strip().splitlines() or ["no reason given"])[0]
