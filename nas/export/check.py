"""Each exported file loaded again in a clean process, and its scores held against those of the network itself."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from torch import Tensor

from nas.errors import NasError
from nas.model import Network

LARGEST = 1e-5  # relative error
ONLY_TORCH = Path(__file__).with_name("only_torch.py")
FILES = {"safetensors": "weights.safetensors", "onnx": "model.onnx", "model.py": "model.py"}


class NotEqual(NasError):
    """A file that does not do what the network does."""


def check(folder: Path, network: Network, images: Tensor | None, inputs: Tensor) -> dict[str, float]:
    """The relative error of each file, for one image and for all; at most ``LARGEST``, or ``NotEqual`` is raised.

    ``images`` uint8 [N, 3, H, H] are what ``model.py`` prepares itself; ``inputs`` [N, C, R, R] what the others take.
    """
    with torch.no_grad():
        expected = {"one": network(inputs[:1]), "all": network(inputs)}
    errors = {}
    with tempfile.TemporaryDirectory(prefix="nas-export-") as place:
        given, output = Path(place) / "images.pt", Path(place) / "scores.pt"
        torch.save({"inputs": inputs, **({} if images is None else {"images": images})}, given)
        for kind, file in FILES.items():
            found = _scores(kind, folder.absolute(), given, output)
            if found.get("imported"):
                raise NotEqual(f"{file}: needs more than torch: {', '.join(found['imported'])}; nothing was exported")
            errors[kind] = max(relative_error(found[which], expected[which]) for which in expected)
            if not errors[kind] <= LARGEST:
                raise NotEqual(
                    f"{file}: loaded again it gives other scores (relative error {errors[kind]:.1e}, at most "
                    f"{LARGEST:.0e}); nothing was exported, please report this"
                )
    return errors


def relative_error(found: Tensor, expected: Tensor) -> float:
    """The largest difference, as a share of the largest expected value; infinite for what cannot be compared."""
    if found.shape != expected.shape or not bool(torch.isfinite(expected).all()):
        return float("inf")
    difference = float((found - expected).abs().max())
    largest = float(expected.abs().max())
    return difference / largest if largest else (0.0 if difference == 0 else float("inf"))


def _scores(kind: str, folder: Path, given: Path, output: Path) -> dict[str, Tensor]:
    """What a clean process makes of the images with one of the files."""
    places = [str(folder), str(given), str(output)]
    environment = dict(os.environ)
    if kind == "model.py":
        command = [sys.executable, "-I", "-B", str(ONLY_TORCH), *places]
    else:
        command = [sys.executable, "-P", "-B", "-m", "nas.export.reload", kind, *places]
        environment["PYTHONPATH"] = os.pathsep.join(place or os.getcwd() for place in sys.path)
    done = subprocess.run(
        command, cwd=given.parent, env=environment, capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise NotEqual(f"{FILES[kind]}: cannot be loaded again ({said[-1]}); nothing was exported, please report this")
    scores: dict[str, Tensor] = torch.load(output, weights_only=True)
    output.unlink()
    return scores
