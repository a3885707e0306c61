"""The folder that is taken away: written near its place, checked there, and moved only when every file was right."""

import json
import os
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import onnx

from nas.data.request import Say
from nas.errors import NasError
from nas.export.check import check
from nas.export.images import compared
from nas.export.model_py import Described, model_py
from nas.export.readme import own_version, readme
from nas.export.source import Source
from nas.layouts import EXPORTED
from nas.onnx_graph import to_onnx
from nas.weights import export_weights
from nas.weights_file import write_weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What was written, and how the files compared."""

    folder: Path
    files: tuple[str, ...]
    errors: dict[str, float]  # relative, by kind of file
    images: str  # what they were compared on


def ensure_free(folder: Path, *, force: bool) -> Path:
    """Raises ``NasError`` where the export could not, or should not, be written; makes nothing. The folder itself, or
    the nearest one above it that is there."""
    if folder.exists() and not folder.is_dir():
        raise NasError(f"--to {folder}: is a file; name a folder")
    if folder.is_dir() and any(folder.iterdir()) and not force:
        raise NasError(f"--to {folder}: is not empty; name another folder, or replace its files with --force")
    there = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise NasError(f"--to {folder}: cannot be written ({there} is no folder one may write to)")
    return there


def export_to(folder: Path, source: Source, *, force: bool = False, say: Say = lambda line: None) -> Exported:
    """Write, load again, compare, and only then put it into place. Raises ``NotEqual`` where a file is wrong, and
    leaves nothing."""
    there = ensure_free(folder, force=force)
    try:
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", suffix=".part", dir=there) as place:
            part = Path(place)
            say("writing")
            _write(part, source)
            say("loading each file again in a process of its own")
            images, inputs, what = compared(source.data, source.about.fold, source.spec, source.about.preprocessing)
            errors = check(part, source.network, images, inputs)
            (part / "README.md").write_text(readme(source, errors, what), encoding="utf-8")
            files = tuple(sorted(file.name for file in part.iterdir()))
            folder.mkdir(parents=True, exist_ok=True)
            for file in files:
                shutil.move(part / file, folder / file)
    except OSError as error:
        raise NasError(f"--to {folder}: cannot be written ({error.strerror or error})") from None
    return Exported(folder=folder, files=files, errors=errors, images=what)


def _write(folder: Path, source: Source) -> None:
    spec, about = source.spec, source.about
    (folder / "spec.json").write_text(spec.to_json(indent=2) + "\n", encoding="utf-8")
    write_weights(folder / "weights.safetensors", export_weights(source.network, EXPORTED), about)
    (folder / "model.onnx").write_bytes(onnx_file(source))
    described = Described(
        title=source.title,
        trained=source.weights,
        classes=about.classes,
        preprocessing=about.preprocessing,
    )
    (folder / "model.py").write_text(model_py(spec, described), encoding="utf-8")


def onnx_file(source: Source) -> bytes:
    """The graph for any number of images, with what there is to know of it among its metadata."""
    spec, about = source.spec, source.about
    graph = onnx.load_from_string(
        to_onnx(source.network, (spec.channels, spec.resolution, spec.resolution), dynamic_batch=True)
    )
    facts = {
        "title": source.title,
        "source": " ".join(source.notes),
        "weights": source.weights,
        "written_by": f"blocknas {own_version()}",
        "classes": None if about.classes is None else json.dumps(about.classes, ensure_ascii=False),
        "preprocessing": None if about.preprocessing is None else json.dumps(asdict(about.preprocessing)),
        "preprocessing_steps": None if about.preprocessing is None else "; ".join(about.preprocessing.steps()),
    }
    onnx.helper.set_model_props(graph, {name: fact for name, fact in facts.items() if fact is not None})
    onnx.checker.check_model(graph, full_check=True)
    content: bytes = graph.SerializeToString()
    return content
