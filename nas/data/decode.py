"""Image files to square RGB pixels, in order, on every core.

Threads do, since Pillow lets go of the interpreter lock while it reads, decompresses and resizes.
"""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from nas.data.image_set import Pixels
from nas.errors import NasError

if TYPE_CHECKING:
    from PIL.Image import Image

IMAGES_A_TASK = 64
ORIENTATION = 0x0112  # the EXIF tag

# What a mode of Pillow's is called in the note on conversions; all but RGB are converted.
KINDS = {
    "1": "black and white",
    "L": "grey",
    "LA": "grey with transparency",
    "P": "palette",
    "PA": "palette with transparency",
    "RGB": "RGB",
    "RGBA": "RGBA",
    "RGBX": "RGBX",
    "CMYK": "CMYK",
    "YCbCr": "YCbCr",
    "LAB": "Lab",
    "HSV": "HSV",
    "I": "16-bit grey",
}

Seen = Counter[str]  # "kind …", "format …", "rotated", "resized", "animated" → number of images


def decode_all(paths: Sequence[str], resolution: int, seen: Seen) -> Iterator[Pixels]:
    """The images in order, uint8 [n, 3, R, R] at a time, while ``seen`` is filled with what they were.

    Raises:
        NasError: an image that cannot be read; it is named.
    """
    batches = [paths[start : start + IMAGES_A_TASK] for start in range(0, len(paths), IMAGES_A_TASK)]
    workers = min(8, os.cpu_count() or 1)
    pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="decode")
    try:
        # Only so many batches ahead: a slow disk behind this must not fill the memory.
        ahead: deque[Future[tuple[Pixels, Seen]]] = deque()
        for batch in batches:
            ahead.append(pool.submit(_decode_batch, batch, resolution))
            if len(ahead) > 3 * workers:
                yield _result(ahead.popleft(), seen)
        while ahead:
            yield _result(ahead.popleft(), seen)
    finally:
        pool.shutdown(cancel_futures=True)


def _result(future: Future[tuple[Pixels, Seen]], seen: Seen) -> Pixels:
    pixels, counts = future.result()
    seen.update(counts)
    return pixels


def _decode_batch(paths: Sequence[str], resolution: int) -> tuple[Pixels, Seen]:
    pixels = np.empty((len(paths), 3, resolution, resolution), dtype=np.uint8)
    seen: Seen = Counter()
    for row, path in zip(pixels, paths, strict=True):
        row[:] = decode_one(path, resolution, seen).transpose(2, 0, 1)
    return pixels, seen


def decode_one(path: str, resolution: int, seen: Seen) -> Pixels:
    """One file as uint8 [R, R, 3]: turned upright, RGB, shorter side resized, centre cut out.

    Raises:
        NasError: it cannot be read.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as opened:
            image: Image.Image = opened
            seen[f"format {opened.format}"] += 1
            if getattr(opened, "n_frames", 1) > 1:
                seen["animated"] += 1
            if min(opened.size) > 2 * resolution:
                # JPEG can be decoded at a half, a quarter or an eighth; twice the wanted size keeps it sharp.
                opened.draft(None, (2 * resolution, 2 * resolution))  # None keeps the mode
            if opened.getexif().get(ORIENTATION, 1) != 1:
                image = ImageOps.exif_transpose(image)
                seen["rotated"] += 1
            kind = "I" if image.mode.startswith("I;16") else image.mode
            seen[f"kind {KINDS.get(kind, kind)}"] += 1
            rgb = to_rgb(image)
    except (NasError, MemoryError):
        raise
    except Exception as error:  # on damaged files decoders raise almost anything
        raise _unreadable(path, error) from error
    if rgb.size != (resolution, resolution):
        seen["resized"] += 1
        rgb = square(rgb, resolution)
    return np.asarray(rgb)


def to_rgb(image: Image) -> Image:
    """As Pillow's ``convert("RGB")``, so transparency is dropped; but 16-bit grey is scaled, not clipped.

    Raises:
        ValueError: floating-point pixels, whose range nobody knows.
    """
    if image.mode == "RGB":
        image.load()
        return image
    if image.mode == "F":
        raise ValueError("floating-point pixels; save it with 8 bits a channel")
    if image.mode == "I" or image.mode.startswith("I;16"):
        from PIL import Image as Images

        deep = np.clip(np.asarray(image).astype(np.int64), 0, 65535)
        return Images.fromarray((deep >> 8).astype(np.uint8)).convert("RGB")
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")  # Pillow warns about the direct way
    return image.convert("RGB")


def square(image: Image, resolution: int) -> Image:
    """The centre square, resized: the same as resizing the shorter side and cutting out the centre."""
    from PIL import Image as Images

    width, height = image.size
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    box = (left, top, left + side, top + side)
    return image.resize((resolution, resolution), Images.Resampling.BILINEAR, box=box)


def sizes(paths: Sequence[str]) -> list[tuple[int, int]]:
    """Width and height in px of every file, from its header.

    Raises:
        NasError: a header that cannot be read.
    """
    from PIL import Image

    def size(path: str) -> tuple[int, int]:
        try:
            with Image.open(path) as image:
                return image.size
        except Exception as error:  # see decode_one
            raise _unreadable(path, error) from error

    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        return list(pool.map(size, paths, chunksize=1))


def _unreadable(path: str, error: Exception) -> NasError:
    from PIL import UnidentifiedImageError

    reason: Any = "no image, or one whose beginning is damaged"
    if not isinstance(error, UnidentifiedImageError):
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return NasError(f"{path}: cannot be read ({reason}); replace the file or delete it".replace("\n", " "))


def conversion_notes(seen: Seen, resolution: int) -> tuple[str, ...]:
    """What was done to the images, for people; empty when all were RGB squares of the right size."""
    kinds = [
        (count, name.removeprefix("kind "))
        for name, count in seen.items()
        if name.startswith("kind ") and name != "kind RGB"
    ]
    notes = []
    if kinds:
        parts = ", ".join(f"{count:,} {name}" for count, name in sorted(kinds, reverse=True))
        total = sum(count for count, _ in kinds)
        notes.append(f"{images_were(total)} converted to RGB ({parts})")
    if seen["rotated"]:
        notes.append(f"{images_were(seen['rotated'])} turned upright as their EXIF data say")
    if seen["animated"]:
        notes.append(f"of {seen['animated']:,} files with several pictures the first was taken")
    if seen["resized"]:
        notes.append(f"{images_were(seen['resized'])} resized and cut to {resolution}x{resolution} px")
    return tuple(notes)


def images_were(count: int) -> str:
    """ "1 image was" or "12 images were"."""
    return "1 image was" if count == 1 else f"{count:,} images were"
