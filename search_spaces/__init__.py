"""The spaces that come along, and the published networks inside them: one file a space, one line here."""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches

from nas.arch import ArchSpec
from nas.errors import NasError
from nas.space import Option, Space, load_space
from search_spaces import mobilenet_v3 as v3


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A published network: built at any width multiplier, and as choices of the space it belongs to."""

    name: str
    title: str
    space: str
    scaled: Callable[[float], ArchSpec]
    choices: dict[str, Option]

    def spec(self) -> ArchSpec:
        return self.scaled(1.0)


SPACES: dict[str, Space] = {
    "mobilenet_v3": v3.mobilenet_v3,
}

REFERENCES: dict[str, Reference] = {
    "mobilenet_v3_small": Reference(
        name="mobilenet_v3_small",
        title="MobileNetV3 small",
        space="mobilenet_v3",
        scaled=lambda width: v3.published("small", width),
        choices=v3.published_choices("small"),
    ),
    "mobilenet_v3_large": Reference(
        name="mobilenet_v3_large",
        title="MobileNetV3 large",
        space="mobilenet_v3",
        scaled=lambda width: v3.published("large", width),
        choices=v3.published_choices("large"),
    ),
}


def find_space(name: str) -> Space:
    """A space by its name here, or a user's own by ``module:function``. Raises ``NasError`` naming those that exist."""
    if name in SPACES:
        return SPACES[name]
    if ":" in name:
        return load_space(name)
    near = get_close_matches(name, SPACES, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise NasError(f"--space {name}: unknown; {hint}there are {', '.join(SPACES)}, or module:function for your own")
