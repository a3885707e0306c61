"""From an image to what a network takes, as facts: what training did, so that whoever uses the network can do it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Preprocessing:
    """Square RGB images of ``sides[0]`` px, then each further side by bilinear, antialiased resizing that is rounded to
    whole numbers; then minus ``mean``, divided by ``std``, both in units of 0–255: float [N, 3, R, R] with R the last
    side. ``nas.batches`` (``resize``, ``normalise``) does it for training."""

    sides: tuple[int, ...]  # px, as loaded and as the network takes it; one where they are the same
    mean: tuple[float, float, float]  # of the training images: red, green, blue
    std: tuple[float, float, float]

    @property
    def resolution(self) -> int:
        """Px of what the network takes."""
        return self.sides[-1]

    def steps(self) -> list[str]:
        """What is done, in order, for people."""
        steps = [
            "RGB, turned upright, the centre square cut out and resized (bilinear, antialiased) to "
            f"{self.sides[0]}×{self.sides[0]} px: whole numbers from 0 to 255"
        ]
        for side in self.sides[1:]:
            steps.append(f"resized to {side}×{side} px (bilinear, antialiased) and rounded to whole numbers")
        steps.append(f"minus {_numbers(self.mean)}, divided by {_numbers(self.std)} (red, green, blue)")
        return steps


def _numbers(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:.4f}" for value in values)
