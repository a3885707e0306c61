"""For every test: one thread, nothing downloaded, nothing written outside pytest's own folders."""

import json
import os
from collections.abc import Iterator

import pytest

from nas.machine import machine, versions

# before torch is imported anywhere: one thread is quicker for networks this small, and sums come out the same
os.environ["OMP_NUM_THREADS"] = "1"

REAL_IMAGES = os.environ.get("NAS_DATA_DIR")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="also run the tests that take minutes")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--slow"):
        return
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason="takes minutes: run with --slow"))


@pytest.fixture(scope="session", autouse=True)
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The session runs in a folder of its own, so that neither the checkout's ``runs/`` nor ``~/.cache`` is touched."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("session"))
        cache = tmp_path_factory.mktemp("cache")
        patch.setenv("NAS_CACHE_DIR", str(cache))
        # as if bf16 had been found no faster here: recipes are then the same on every machine
        place = f"{machine()['processor']}, torch {versions()['torch']}"
        (cache / "precision.json").write_text(json.dumps({place: 1.0}))
        patch.setenv("NAS_CIFAR10_MIRRORS", "")
        patch.delenv("NAS_DATA_DIR", raising=False)
        yield


@pytest.fixture(scope="session")
def cifar10_folder() -> str:
    """The folder of real CIFAR-10 images that NAS_DATA_DIR names; the test is skipped where it names none."""
    if not REAL_IMAGES:
        pytest.skip("NAS_DATA_DIR does not name a folder of CIFAR-10 images")
    return REAL_IMAGES
