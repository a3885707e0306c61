"""What the documents show is run."""

import os
import re
import stat
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]


def test_the_examples_for_python_run_from_top_to_bottom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (TOP / "docs" / "python.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) >= 5
    names: dict[str, object] = {"__name__": "docs_python"}
    for block in blocks:
        exec(compile(block, "docs/python.md", "exec"), names)
    assert (tmp_path / "runs" / "nas.db").exists()


def test_the_readme_opens_with_two_commands_that_can_be_typed_in_a_clone() -> None:
    commands = [
        line.split()[0] for line in (TOP / "README.md").read_text(encoding="utf-8").splitlines()[:6] if "./" in line
    ]
    assert commands == ["./scripts/search", "./scripts/test"]
    for command in commands:
        assert os.stat(TOP / command).st_mode & stat.S_IXUSR


def test_continuous_integration_calls_the_readmes_test_command() -> None:
    assert "\nscripts/test\n" in (TOP / ".ci" / "run").read_text(encoding="utf-8")


def test_no_document_links_to_a_file_that_is_not_there() -> None:
    for document in [TOP / "README.md", TOP / "CHANGELOG.md", *(TOP / "docs").glob("*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name} → {target}"
