"""Image -> the pixels that a model is shown: the very bytes that were pinned, changed as declared.

An image is pinned by the sha256 of its file. What cannot be shown in one way only is refused: a
reader that picks a frame, a background or a window of gray values picks the picture.
"""

from __future__ import annotations

import base64
import io
import re
import warnings
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image as Pillow
from PIL import ImageChops, ImageEnhance, ImageOps, UnidentifiedImageError

from pytest_promptchaos.errors import PictureError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_promptchaos.records import Image

    Picture = Pillow.Image

MOST_PIXELS = 1 << 26
"""Width x height; 67 million, below the number from which Pillow warns."""
MOST_BYTES = 1 << 28
"""Of a file; it is read whole to be hashed."""
CHANGES: tuple[str, ...] = (
    "brightness +20 %",
    "brightness -20 %",
    "shift 2 % right",
    "JPEG quality 60",
    "crop 4 %",
)
"""Changes that leave an image's meaning as it is: what an answer must not depend on."""
THUMBNAIL_BYTES = 15_000
"""Of a thumbnail's PNG; its data URI is a third longer."""
EIGHT_BIT = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr"}
"""Pillow's modes whose values fit into eight bits, so that RGB holds them."""


def image_sha256(path: str | Path) -> str:
    """Return the sha256 of an image file's bytes, in hex: its pin.

    Raises ``PictureError`` where there is no such file or it is too large.
    """
    return sha256(_bytes_of(str(path))).hexdigest()


def open_picture(image: Image, *, largest: int = MOST_PIXELS) -> Picture:
    """Return the pixels that ``image`` pins, as RGB, with its ``change`` made.

    Turned upright where the file says how it was held. ``largest`` is in pixels.

    Raises:
        PictureError: the file is missing, is not the one that was pinned, cannot be read, is too
            large, holds several frames, transparent places or more than eight bits per value; or
            the change is none that is known.
    """
    change = parse_change(image.change)
    content = _bytes_of(image.path)
    found = sha256(content).hexdigest()
    if found != image.sha256:
        raise PictureError(
            f"image {image.path!r} is not the one that was pinned: its sha256 is {found}, pinned "
            f"is {image.sha256}; bring the file back, or pin the new one, which is another image"
        )
    return change(_upright(content, image.path, largest))


def changed(picture: Picture, change: str) -> Picture:
    """Return a picture of the same size with ``change`` made, as RGB; ``""`` changes nothing.

    Raises ``PictureError`` as :func:`parse_change` does.

    >>> gray = Pillow.new("RGB", (4, 4), (100, 100, 100))
    >>> changed(gray, "brightness +20 %").getpixel((0, 0))
    (120, 120, 120)
    """
    return parse_change(change)(picture.convert("RGB"))


def parse_change(words: str) -> Callable[[Picture], Picture]:
    """Return what the words of a change do to an RGB picture; no words do nothing.

    ``"brightness +20 %"`` multiplies every value, ``"shift 2 % right"`` (left, up, down) repeats
    the edge where nothing is left, ``"JPEG quality 60"`` encodes and decodes, ``"crop 4 %"`` cuts
    2 % of width and height from each side and scales back. All keep the size.

    Raises:
        PictureError: other words, or a number out of range.
    """
    if not words:
        return lambda picture: picture
    for form, make in _CHANGES.items():
        if (found := re.fullmatch(form, words)) is not None:
            return make(words, *found.groups())
    raise PictureError(
        f"the image change {words!r} is not known: there are {', '.join(map(repr, CHANGES))}, "
        "also with other numbers"
    )


def thumbnail(image: Image, size: int = 160) -> str:
    """Return the pinned image as a PNG data URI of at most 20 kB, ``size`` pixels at most a side.

    Colors are rounded to a palette of 64, and the side is lessened further where it must be.

    Raises:
        PictureError: as :func:`open_picture` does.
    """
    picture = open_picture(image)
    gray = picture.convert("L")
    plain = gray if _same(gray.convert("RGB"), picture) else picture
    while True:
        shown = plain.copy()
        shown.thumbnail((size, size))
        content = _png(shown if shown.mode == "L" else shown.quantize(64))
        if len(content) <= THUMBNAIL_BYTES:
            return "data:image/png;base64," + base64.b64encode(content).decode()
        size = size * 4 // 5


# -- files ----------------------------------------------------------------------------------------


def _bytes_of(path: str) -> bytes:
    try:
        size = Path(path).stat().st_size
        if size <= MOST_BYTES:
            return Path(path).read_bytes()
    except OSError as error:
        raise PictureError(
            f"image {path!r} cannot be read: {error.strerror or error}; write the path of an "
            "image file, absolute or relative to where pytest was started"
        ) from error
    raise PictureError(
        f"image {path!r} has {size:,} bytes, more than the {MOST_BYTES:,} that are read: scale it "
        "down and pin that file"
    )


def _upright(content: bytes, path: str, largest: int) -> Picture:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            picture = Pillow.open(io.BytesIO(content))
            _check_size(picture.width * picture.height, path, largest)
            _check_one_way(picture, path)
            return ImageOps.exif_transpose(picture).convert("RGB")
    except (Pillow.DecompressionBombError, Pillow.DecompressionBombWarning) as error:
        raise PictureError(f"image {path!r} is too large: {error}; scale it down") from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Warning) as error:
        raise PictureError(
            f"image {path!r} is no image that can be read ({type(error).__name__}: {error}): save "
            "it as PNG or JPEG"
        ) from error


def _check_size(pixels: int, path: str, largest: int) -> None:
    if pixels > largest:
        raise PictureError(
            f"image {path!r} has {pixels:,} pixels, more than {largest:,}: a model scales it down "
            "anyway, so scale it down and pin that file"
        )


def _check_one_way(picture: Picture, path: str) -> None:
    """Raise ``PictureError`` for what two readers would show in two ways."""
    frames = getattr(picture, "n_frames", 1)
    if frames > 1:
        raise PictureError(f"image {path!r} holds {frames} frames: save the one that is meant")
    if picture.mode not in EIGHT_BIT:
        raise PictureError(
            f"image {path!r} has values of more than eight bits (mode {picture.mode}), which a "
            "model does not see: save it with eight bits and the window of values that is meant"
        )
    if picture.has_transparency_data and _least_opacity(picture) < 255:
        raise PictureError(
            f"image {path!r} has transparent places, which every reader fills with a color of its "
            "own: save it on the background that is meant"
        )


def _least_opacity(picture: Picture) -> int:
    return min(picture.convert("RGBA").getchannel("A").tobytes())


# -- changes --------------------------------------------------------------------------------------


def _brightness(words: str, percent: str) -> Callable[[Picture], Picture]:
    factor = 1 + _number(words, percent, -100, 400) / 100
    return lambda picture: ImageEnhance.Brightness(picture).enhance(factor)


def _shift(words: str, percent: str, way: str) -> Callable[[Picture], Picture]:
    share = _number(words, percent, 0, 50) / 100
    across, sign = way in {"left", "right"}, 1 if way in {"right", "down"} else -1

    def shifted(picture: Picture) -> Picture:
        width, height = picture.size
        # One pixel at least: a shift by none would be no change.
        pixels = sign * max(1, round(share * (width if across else height)))
        moved = ImageChops.offset(picture, pixels if across else 0, 0 if across else pixels)
        edge, vacated = _edge(picture.size, pixels, across=across)
        moved.paste(
            picture.crop(edge).resize((vacated[2] - vacated[0], vacated[3] - vacated[1])),
            (vacated[0], vacated[1]),
        )
        return moved

    return shifted


def _edge(
    size: tuple[int, int], pixels: int, *, across: bool
) -> tuple[tuple[int, int, int, int], tuple[int, int, int, int]]:
    """Return the outermost line of a picture, and the box that a shift leaves to be filled by it.

    Boxes are (left, top, right, bottom); ``pixels`` are negative to the left and up.
    """
    length = size[0] if across else size[1]
    line = (0, 1) if pixels > 0 else (length - 1, length)
    empty = (0, pixels) if pixels > 0 else (length + pixels, length)
    if across:
        return (line[0], 0, line[1], size[1]), (empty[0], 0, empty[1], size[1])
    return (0, line[0], size[0], line[1]), (0, empty[0], size[0], empty[1])


def _jpeg(words: str, quality: str) -> Callable[[Picture], Picture]:
    level = int(_number(words, quality, 1, 95))

    def encoded(picture: Picture) -> Picture:
        stream = io.BytesIO()
        picture.save(stream, format="JPEG", quality=level)
        return Pillow.open(stream).convert("RGB")

    return encoded


def _crop(words: str, percent: str) -> Callable[[Picture], Picture]:
    share = _number(words, percent, 0, 50) / 200

    def cropped(picture: Picture) -> Picture:
        width, height = picture.size
        box = (share * width, share * height, (1 - share) * width, (1 - share) * height)
        return picture.resize(picture.size, Pillow.Resampling.BICUBIC, box=box)

    return cropped


_CHANGES: dict[str, Callable[..., Callable[[Picture], Picture]]] = {
    r"brightness ([+-]\d+(?:\.\d+)?) %": _brightness,
    r"shift (\d+(?:\.\d+)?) % (right|left|up|down)": _shift,
    r"JPEG quality (\d+)": _jpeg,
    r"crop (\d+(?:\.\d+)?) %": _crop,
}


def _number(words: str, text: str, least: float, most: float) -> float:
    number = float(text)
    if number == 0 or not least <= number <= most:
        raise PictureError(
            f"the image change {words!r} has the number {text}: it takes one from {least:g} to "
            f"{most:g} that is not 0"
        )
    return number


def _same(one: Picture, other: Picture) -> bool:
    return ImageChops.difference(one, other).getbbox() is None


def _png(picture: Picture) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, format="PNG", optimize=True)
    return stream.getvalue()
