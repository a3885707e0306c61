"""Exported ``model.py``: the same network, in plain torch, with the names of the layout "exported"; readable."""

import ast
import re
import shutil
import subprocess
import sys
import types
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from nas.arch import ArchSpec
from nas.blocks import (
    Classifier,
    Convolution,
    DenseLayer,
    DepthwiseSeparable,
    Fire,
    InvertedResidual,
    Linear,
    Pooling,
    Resize,
)
from nas.errors import SpecError
from nas.export.model_py import Described, model_py
from nas.model import Network, build
from nas.preprocessing import Preprocessing
from nas.weights import export_weights, load_weights
from search_spaces import REFERENCES, SPACES
from tests.networks import network_on_meta, on_meta, random_specs

GIVEN = Preprocessing(sides=(32, 24), mean=(125.3, 123.0, 113.9), std=(63.0, 62.1, 66.7))
NAMED = Described(
    title="A network", trained="Weights of a test.", classes=("cat", 'a "dog"', "it's"), preprocessing=GIVEN
)
PLAIN = Described(title="A network", trained="Weights of a test.")


def module(text: str) -> types.ModuleType:
    made = types.ModuleType("exported")
    made.__file__ = "/nowhere/model.py"
    exec(compile(text, "model.py", "exec"), made.__dict__)
    return made


def randomised(spec: ArchSpec, seed: int = 0) -> Network:
    """In evaluation mode; fresh batch norms would let nearly anything through."""
    network = build(spec, seed=seed).eval()
    generator = torch.Generator().manual_seed(seed)
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):
            for tensor, low, high in (
                (part.weight, 0.5, 1.5),
                (part.bias, -0.5, 0.5),
                (part.running_mean, -0.5, 0.5),
                (part.running_var, 0.5, 2.0),
            ):
                assert tensor is not None
                tensor.data.uniform_(low, high, generator=generator)
        elif isinstance(part, nn.Conv2d | nn.Linear) and part.bias is not None:
            part.bias.data.uniform_(-0.1, 0.1, generator=generator)
    return network


def only_when_trained(network: nn.Module) -> Counter[tuple[str, float]]:
    """What no score of a network in evaluation mode depends on."""
    parts = list(network.modules())
    momenta = [("momentum", part.momentum) for part in parts if isinstance(part, nn.BatchNorm2d) and part.momentum]
    return Counter([*momenta, *(("dropout", part.p) for part in parts if isinstance(part, nn.Dropout) and part.p)])


def error(spec: ArchSpec) -> float:
    """Of what ``model.py`` puts out, relative to the largest score."""
    network = randomised(spec)
    other = module(model_py(spec, PLAIN)).Network()
    other.load_state_dict(export_weights(network, "exported"))
    assert only_when_trained(other) == only_when_trained(network)
    other.eval()
    images = torch.randn(2, spec.channels, spec.resolution, spec.resolution, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        wanted, found = network(images), other(images)
    assert wanted.abs().max() > 1e-4  # a network that is alive
    return float((wanted - found).abs().max() / wanted.abs().max())


def small(spec: ArchSpec) -> ArchSpec:
    try:
        return spec.trained_on(resolution=32, classes=3)
    except SpecError:
        return spec.trained_on(resolution=64, classes=3)


@pytest.mark.parametrize("name", REFERENCES)
def test_the_weights_of_every_reference_have_its_names_and_shapes(name: str) -> None:
    spec = REFERENCES[name].spec()
    network, other = network_on_meta(spec), on_meta(module(model_py(spec, PLAIN)).Network)
    ours, theirs = export_weights(network, "exported"), other.state_dict()  # type: ignore[arg-type]
    assert {key: tensor.shape for key, tensor in ours.items()} == {key: one.shape for key, one in theirs.items()}
    assert only_when_trained(other) == only_when_trained(network)


@pytest.mark.parametrize("space", SPACES)
def test_networks_of_every_space_put_out_the_same(space: str) -> None:
    for spec in random_specs(space, 2, seed=3):
        assert error(small(spec)) <= 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("name", REFERENCES)
def test_every_reference_puts_out_the_same(name: str) -> None:
    assert error(small(REFERENCES[name].spec())) <= 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("space", SPACES)
def test_many_networks_of_every_space_put_out_the_same(space: str) -> None:
    for spec in random_specs(space, 20, seed=4):
        assert error(small(spec)) <= 1e-6


def table(*blocks: object, resolution: int = 16) -> ArchSpec:
    return ArchSpec(resolution=resolution, blocks=(*blocks, Classifier(classes=3)))  # type: ignore[arg-type]


RESIDUAL = InvertedResidual(kernel=3, mid=12, out=8)
ODD = {
    "norms differ": table(Convolution(kernel=3, out=8, norm_eps=1e-3), RESIDUAL, DepthwiseSeparable(kernel=5, out=8)),
    "another momentum": table(Convolution(kernel=3, out=8, norm_momentum=0.01), replace(RESIDUAL, norm_momentum=0.01)),
    "momenta differ": table(Convolution(kernel=3, out=8, norm_momentum=0.01), replace(RESIDUAL, norm_momentum=0.3)),
    "norms differ in dense layers": table(DenseLayer(growth=4, norm_eps=1e-3), DenseLayer(growth=4, bottleneck=8)),
    "kernels and dropouts differ": table(
        DenseLayer(growth=4, kernel=5, dropout=0.1), DenseLayer(growth=4, bottleneck=8, dropout=0.2)
    ),
    "padding": table(Convolution(kernel=5, out=8, padding=0, stride=2), Convolution(kernel=4, out=8, padding=1)),
    "bias and norm": table(Convolution(kernel=3, out=8, bias=True), Convolution(kernel=1, out=8, norm=False)),
    "gates differ": table(
        Convolution(kernel=3, out=8),
        replace(RESIDUAL, squeeze=4, gate="sigmoid"),
        replace(RESIDUAL, squeeze=4),
        RESIDUAL,
    ),
    "shortcuts given": table(Convolution(kernel=3, out=8), RESIDUAL, replace(RESIDUAL, shortcut=False)),
    "no shortcuts": table(Convolution(kernel=3, out=8), replace(RESIDUAL, shortcut=False)),
    "ends differ": table(Convolution(kernel=3, out=8), RESIDUAL, replace(RESIDUAL, out_activation="relu6")),
    "one activation": table(
        Convolution(kernel=3, out=8), replace(RESIDUAL, out_activation="relu"), DepthwiseSeparable(kernel=3, out=4)
    ),
    "none expands": table(Convolution(kernel=3, out=12), replace(RESIDUAL, out=12)),
    "bypasses": table(
        Fire(squeeze=4, expand1=4, expand3=4, bypass="complex"),
        Fire(squeeze=4, expand1=4, expand3=4, bypass="simple"),
        Fire(squeeze=4, expand1=4, expand3=4),
    ),
    "simple or none": table(
        Convolution(kernel=1, out=8, norm=False),
        Fire(squeeze=4, expand1=4, expand3=4, bypass="simple"),
        Fire(squeeze=4, expand1=4, expand3=8),
    ),
    "resized": table(Resize(multiplier=0.71), Convolution(kernel=3, out=8), resolution=21),
    "a hidden layer in the middle": table(Linear(out=12), Convolution(kernel=1, out=8), Linear(out=6, dropout=0.5)),
    "poolings": table(
        Pooling(kernel=3, stride=2, padding=1, operation="max"),
        Pooling(kernel=2, stride=2, ceil=True),
        Pooling(kernel=1),
        Pooling(kernel=3, operation="average"),
        Pooling(size=2, operation="max"),
    ),
    "nothing but a classifier": table(),
    "one channel": replace(table(Convolution(kernel=3, out=8)), channels=1),
}


@pytest.mark.parametrize("what", ODD)
def test_facts_that_no_published_network_mixes(what: str) -> None:
    assert error(ODD[what]) <= 1e-6


def texts() -> list[str]:
    specs = [*ODD.values(), *(REFERENCES[name].spec() for name in REFERENCES)]
    specs += [small(spec) for space in SPACES for spec in random_specs(space, 4, seed=5)]
    return [model_py(spec, NAMED if index % 2 else PLAIN) for index, spec in enumerate(specs)]


def test_the_text_is_formatted_and_has_no_loose_ends(tmp_path: Path) -> None:
    """By the project's own formatter and linter: every import, class and parameter is used, no line is too long."""
    for index, text in enumerate(texts()):
        (tmp_path / f"model_{index}.py").write_text(text, encoding="utf-8")
    shutil.copy(Path(__file__).parents[2] / "pyproject.toml", tmp_path)
    ruff = [sys.executable, "-m", "ruff"]
    for words in (["format", "--check", "-q"], ["check", "-q", "--extend-select", "ARG"]):
        done = subprocess.run([*ruff, *words, "."], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_it_imports_torch_and_the_standard_library_only() -> None:
    for text in texts():
        imported = {
            name.partition(".")[0]
            for node in ast.walk(ast.parse(text))
            for name in (
                [one.name for one in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
        }
        assert imported == {"json", "pathlib", "torch"}


def test_only_parts_that_are_used_are_written() -> None:
    """No class, and no part of one, that this network does not have."""
    for text in texts():
        tree = ast.parse(text)
        classes = {node.name for node in tree.body if isinstance(node, ast.ClassDef)} - {"Network"}
        for name in classes:
            assert re.search(rf"[ =(]{name}\(", text.replace(f"class {name}(", "")), name
    assert "Squeeze" not in model_py(REFERENCES["mobilenet_v2"].spec(), PLAIN)
    assert "bypass" not in model_py(REFERENCES["squeezenet_1_1"].spec(), PLAIN)
    assert "shortcut" not in model_py(ODD["no shortcuts"], PLAIN)
    assert "self.expand" not in model_py(ODD["none expands"], PLAIN)
    assert "preprocess(" not in model_py(REFERENCES["alexnet"].spec(), PLAIN)


def test_every_row_is_there_with_its_shapes() -> None:
    spec = REFERENCES["mobilenet_v3_small"].spec()
    text = model_py(spec, PLAIN)
    assert "ConvNorm(3, 16, 3, stride=2, activation=nn.Hardswish),  # 3×224×224 → 16×112×112" in text
    assert text.count("            InvertedResidual(") == 11
    for row in spec.rows():
        before, after = ("×".join(map(str, shape)) for shape in (row.shape, row.out))
        assert f"# {before} → {after}" in text or row.block.kind == "classifier"
    assert "nn.Linear(1024, 1000),  # 1024 → 1000" in text


def test_classes_and_preprocessing_are_those_given() -> None:
    made = module(model_py(ODD["bypasses"], NAMED))
    assert NAMED.classes == made.CLASSES
    assert (GIVEN.sides, GIVEN.mean, GIVEN.std) == (made.SIDES, made.MEAN, made.STD)


def test_what_is_exported_is_read_back(tmp_path: Path) -> None:
    """The file's own reader against safetensors', and this project's network from the exported names."""
    from safetensors.torch import load_file, save_file

    spec = small(REFERENCES["mobilenet_v3_small"].spec())
    network = randomised(spec)
    save_file(export_weights(network, "exported"), tmp_path / "weights.safetensors", metadata={"format": "pt"})
    made = module(model_py(spec, PLAIN))
    found, wanted = made.read_safetensors(tmp_path / "weights.safetensors"), load_file(tmp_path / "weights.safetensors")
    assert found.keys() == wanted.keys()
    assert all(found[name].dtype == wanted[name].dtype and found[name].equal(wanted[name]) for name in wanted)
    again = build(spec, seed=5)
    assert load_weights(again, tmp_path / "weights.safetensors") == "exported"
    assert all(tensor.equal(network.state_dict()[name]) for name, tensor in again.state_dict().items())
