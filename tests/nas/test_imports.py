"""What is imported when: commands answer at once, and every public name is there."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import nas
from tests.nas.fast import python

HEAVY = ("torch", "torchvision", "matplotlib", "seaborn", "pandas", "scipy", "sklearn")
COMMANDS = [
    ("-m", "nas.search"),
    ("-m", "nas.profile"),
    ("-m", "nas.export"),
    ("-m", "nas", "search"),
    ("-m", "nas", "profile"),
    ("-m", "nas", "export"),
    ("-m", "nas", "report"),
    ("-m", "nas", "list"),
    ("-m", "nas", "study"),
    ("-m", "nas", "study", "baselines"),
    ("-m", "studies"),
    ("-m", "studies", "baselines"),
    ("-m", "nas"),
    ("-m", "reports"),
]


def imported_by(code: str, cwd: Path) -> set[str]:
    """Top-level names of everything in sys.modules after running ``code``."""
    tail = "import json, sys; print(); print(json.dumps(sorted(sys.modules)))"
    done = python("-c", f"{code}\n{tail}", cwd=cwd)
    assert done.returncode == 0, done.stderr
    return {name.partition(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}


@pytest.mark.parametrize(
    "code",
    [
        "import nas",
        "import reports.tables, reports.sentences",
        "from nas import Budget, Recipe, Pick, Space, ArchSpec, ledger",
        "import nas.samplers, nas.storage, nas.evidence, nas.references, nas.plan, nas.record",
        "import search_spaces, nas.draw",
        "import nas.show",
        "import nas.profile",
        # blocks import torch when a module is built; their facts, costs and words need none of it
        "import nas.arch, nas.blocks, nas.cost, nas.space, nas.budget, nas.recipe",
        """
from search_spaces import REFERENCES
from nas.cost import ledger
for reference in REFERENCES.values():
    spec = reference.spec()
    ledger(spec.from_json(spec.to_json()))
    [row.block.words(row.shape) for row in spec.rows()]
""",
    ],
)
def test_this_needs_neither_torch_nor_a_drawing_library(code: str, tmp_path: Path) -> None:
    assert not imported_by(code, tmp_path) & set(HEAVY)


def test_the_package_itself_imports_nothing(tmp_path: Path) -> None:
    assert not imported_by("import nas", tmp_path) & {"optuna", "numpy", "pydantic", "typer", "rich", "sqlalchemy"}


@pytest.mark.parametrize("words", [["alexnet"], ["alexnet", "--json"], ["--list"], ["--list", "--json"]])
def test_a_profile_needs_neither_torch_nor_a_drawing_library(words: list[str], tmp_path: Path) -> None:
    code = f"""
import sys
sys.argv = ["x", *{words!r}]
from nas.profile import app
try:
    app()
except SystemExit as end:
    assert end.code == 0
"""
    assert not imported_by(code, tmp_path) & set(HEAVY)


def test_building_a_module_is_what_needs_torch(tmp_path: Path) -> None:
    code = "from nas.blocks import Pooling, Shape; block = Pooling()"
    assert "torch" not in imported_by(code, tmp_path)
    assert "torch" in imported_by(f"{code}; block.module(Shape(1, 1, 1))", tmp_path)


@pytest.mark.parametrize(
    "module", ["nas.search", "nas.profile", "nas.export.__main__", "nas.__main__", "reports.__main__"]
)
def test_help_needs_no_library_but_the_command_lines(module: str, tmp_path: Path) -> None:
    code = f"""
import sys
from importlib import import_module
sys.argv = ["x", "--help"]
try:
    import_module("{module}").app()
except SystemExit as end:
    assert end.code == 0
"""
    assert not imported_by(code, tmp_path) & {*HEAVY, "optuna", "numpy", "pydantic", "sqlalchemy"}  # 0.3 s


@pytest.mark.parametrize("command", COMMANDS, ids=[" ".join(command[1:]) for command in COMMANDS])
def test_every_command_has_help(command: tuple[str, ...], tmp_path: Path) -> None:
    done = python(*command, "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.lstrip().startswith("Usage: ")
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []


def test_the_searchs_help_has_examples_and_says_what_mflops_are(tmp_path: Path) -> None:
    text = python("-m", "nas.search", "--help", cwd=tmp_path).stdout
    assert "python -m nas.search --budget-mflops 60" in text
    assert "10⁶ multiply-adds" in text


def test_every_public_name_is_in_the_lazy_table_and_resolves() -> None:
    assert sorted(nas.__all__) == nas.__all__ == sorted(nas._HOME) == dir(nas)
    for name in nas.__all__:
        assert getattr(nas, name) is not None


def test_no_public_name_is_also_a_modules(tmp_path: Path) -> None:
    """Importing ``nas.cost`` would put the module where a function ``nas.cost`` was."""
    modules = {path.stem for path in Path(nas.__file__).parent.iterdir()}
    assert not modules & set(nas.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'nas' has no attribute 'serach'"):
        nas.serach  # noqa: B018


def test_a_program_without_a_terminal_or_home_can_import_it(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(Path(nas.__file__).parents[1])!r}); import nas"],
        cwd=tmp_path,
        env={},
        check=False,
    )
    assert done.returncode == 0
