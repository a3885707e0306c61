"""Architecture search for small convolutional networks under a budget, with evidence for what it finds.

The names below are the Python interface. They are imported when they are first used: ``import nas`` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nas.arch import ArchSpec
    from nas.budget import Budget
    from nas.cost import Cost, ledger
    from nas.data import ImageSet
    from nas.errors import NasError
    from nas.model import Network, build
    from nas.recipe import Recipe
    from nas.run import Run, run_search
    from nas.space import Pick, Space
    from nas.weights import export_weights, load_weights

_HOME = {
    "ArchSpec": "nas.arch",
    "Budget": "nas.budget",
    "Cost": "nas.cost",
    "ImageSet": "nas.data",
    "NasError": "nas.errors",
    "Network": "nas.model",
    "Pick": "nas.space",
    "Recipe": "nas.recipe",
    "Run": "nas.run",
    "Space": "nas.space",
    "build": "nas.model",
    "export_weights": "nas.weights",
    "ledger": "nas.cost",
    "load_weights": "nas.weights",
    "run_search": "nas.run",
}

__all__ = [
    "ArchSpec",
    "Budget",
    "Cost",
    "ImageSet",
    "NasError",
    "Network",
    "Pick",
    "Recipe",
    "Run",
    "Space",
    "build",
    "export_weights",
    "ledger",
    "load_weights",
    "run_search",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'nas' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
