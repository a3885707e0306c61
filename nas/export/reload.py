"""Run in a process of its own: an exported file, loaded again as its users do, and what it makes of some images.

python -m nas.export.reload safetensors|onnx FOLDER IMAGES OUTPUT
"""

import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

Scores = Callable[[Tensor], Tensor]


def by_safetensors(folder: Path) -> Scores:
    """The network this project builds from the spec, with the weights."""
    from nas.arch import ArchSpec
    from nas.model import build
    from nas.weights import load_weights

    network = build(ArchSpec.from_json((folder / "spec.json").read_bytes()), seed=1)  # other weights than they had
    load_weights(network, folder / "weights.safetensors")
    return network.eval()


def by_onnx(folder: Path) -> Scores:
    from onnxruntime import InferenceSession

    session = InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    (images,), (scores,) = session.get_inputs(), session.get_outputs()
    return lambda inputs: torch.from_numpy(session.run([scores.name], {images.name: inputs.numpy()})[0])


BY: dict[str, Callable[[Path], Scores]] = {"safetensors": by_safetensors, "onnx": by_onnx}


def main() -> None:
    kind, *places = sys.argv[1:]
    folder, given, output = map(Path, places)
    scores = BY[kind](folder)
    inputs = torch.load(given, weights_only=True)["inputs"]
    with torch.no_grad():
        torch.save({"one": scores(inputs[:1]), "all": scores(inputs)}, output)


if __name__ == "__main__":
    main()
