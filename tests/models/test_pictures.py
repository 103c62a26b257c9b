"""An image is the very file that was pinned, shown in one way only, and changed as declared."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from pytest_promptchaos.errors import PictureError
from pytest_promptchaos.models.pictures import (
    CHANGES,
    changed,
    image_sha256,
    open_picture,
    parse_change,
    thumbnail,
)
from pytest_promptchaos.records import Image

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

RAMP = np.arange(50 * 40 * 3, dtype=np.uint32).reshape(40, 50, 3) * 7 % 200


def pixels(picture: Pillow.Image) -> NDArray[np.int64]:
    return np.asarray(picture).astype(np.int64)


def ramp() -> Pillow.Image:
    return Pillow.fromarray(RAMP.astype(np.uint8))


def pinned(picture: Pillow.Image, path: Path, change: str = "", **options: object) -> Image:
    picture.save(path, **options)  # type: ignore[arg-type]
    return Image(path=str(path), sha256=image_sha256(path), change=change)


# -- files ----------------------------------------------------------------------------------------


def test_the_pinned_pixels_come_back_as_rgb(tmp_path: Path) -> None:
    shown = open_picture(pinned(ramp(), tmp_path / "a.png"))
    assert shown.mode == "RGB"
    assert (pixels(shown) == RAMP).all()


def test_gray_is_the_same_in_all_three_values(tmp_path: Path) -> None:
    shown = open_picture(pinned(ramp().convert("L"), tmp_path / "a.png"))
    assert (pixels(shown)[..., 0] == pixels(shown)[..., 2]).all()


def test_it_is_turned_upright(tmp_path: Path) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = 6
    shown = open_picture(pinned(ramp(), tmp_path / "a.png", exif=exif))
    assert shown.size == (40, 50)
    assert (pixels(shown) == np.rot90(RAMP, -1)).all()


def test_another_file_under_the_same_name_is_refused(tmp_path: Path) -> None:
    image = pinned(ramp(), tmp_path / "a.png")
    ramp().transpose(Pillow.Transpose.FLIP_LEFT_RIGHT).save(tmp_path / "a.png")
    with pytest.raises(PictureError, match=r"not the one that was pinned.*bring the file back"):
        open_picture(image)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"gone\.png' cannot be read: No such file"):
        open_picture(Image(path=str(tmp_path / "gone.png"), sha256="0" * 64))
    with pytest.raises(PictureError, match="cannot be read"):
        image_sha256(tmp_path)


def test_a_file_that_is_no_image_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_text("no image")
    with pytest.raises(PictureError, match="no image that can be read"):
        open_picture(Image(path=str(path), sha256=image_sha256(path)))


def test_half_an_image_is_none(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    ramp().save(path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(PictureError, match="no image that can be read"):
        open_picture(Image(path=str(path), sha256=image_sha256(path)))


def test_a_large_image_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    image = pinned(ramp(), tmp_path / "a.png")
    assert open_picture(image, largest=2000).size == (50, 40)
    with pytest.raises(PictureError, match="has 2,000 pixels, more than 1,999"):
        open_picture(image, largest=1999)
    bomb = pinned(Pillow.new("1", (20_000, 20_000)), tmp_path / "b.png")
    with pytest.raises(PictureError, match="too large"):
        open_picture(bomb, largest=10**12)


def test_what_readers_show_in_several_ways_is_refused(tmp_path: Path) -> None:
    frames = pinned(ramp(), tmp_path / "a.gif", save_all=True, append_images=[ramp().rotate(90)])
    with pytest.raises(PictureError, match="2 frames"):
        open_picture(frames)
    deep = pinned(Pillow.new("I;16", (4, 4), 40_000), tmp_path / "deep.png")
    with pytest.raises(PictureError, match="more than eight bits"):
        open_picture(deep)
    clear = ramp().convert("RGBA")
    opaque = pinned(clear, tmp_path / "opaque.png")
    assert (pixels(open_picture(opaque)) == RAMP).all()
    clear.putpixel((3, 3), (0, 0, 0, 254))
    with pytest.raises(PictureError, match="transparent places"):
        open_picture(pinned(clear, tmp_path / "clear.png"))


# -- changes --------------------------------------------------------------------------------------


def test_brightness_multiplies_every_value() -> None:
    assert (pixels(changed(ramp(), "brightness -20 %")) == (RAMP * 0.8).astype(int)).all()
    assert (pixels(changed(ramp(), "brightness +20 %")) == (RAMP * 1.2).astype(int)).all()


def test_a_shift_moves_and_repeats_the_edge() -> None:
    right = pixels(changed(ramp(), "shift 4 % right"))
    assert (right[:, 2:] == RAMP[:, :-2]).all()
    assert (right[:, :2] == RAMP[:, :1]).all()
    up = pixels(changed(ramp(), "shift 5 % up"))
    assert (up[:-2] == RAMP[2:]).all()
    assert (up[-2:] == RAMP[-1:]).all()


def test_a_shift_is_by_one_pixel_at_least() -> None:
    moved = pixels(changed(ramp(), "shift 0.1 % left"))
    assert (moved[:, :-1] == RAMP[:, 1:]).all()


def test_a_crop_shows_the_middle_larger() -> None:
    ring = Pillow.new("L", (50, 50), 255)
    ring.paste(0, (1, 1, 49, 49))
    assert pixels(changed(ring, "crop 4 %")).max() < 128
    assert pixels(changed(ring, "crop 0.4 %")).max() > 128


def test_a_jpeg_is_near_and_not_the_same() -> None:
    smooth = ramp().resize((50, 40)).convert("L").resize((8, 8)).resize((64, 64))
    near = pixels(changed(smooth, "JPEG quality 60")) - pixels(smooth.convert("RGB"))
    assert 0 < np.abs(near).mean() < 5


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_keeps_the_size_and_can_be_made_again(change: str, tmp_path: Path) -> None:
    plain, with_change = ramp(), pinned(ramp(), tmp_path / "a.png", change)
    shown = open_picture(with_change)
    assert shown.size == plain.size
    assert (pixels(shown) == pixels(changed(plain, change))).all()
    assert (pixels(shown) != RAMP).any()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("blur 2 px", "not known: there are 'brightness"),
        ("shift 2 % sideways", "not known"),
        ("brightness +0 %", "not 0"),
        ("brightness -101 %", "from -100 to 400"),
        ("JPEG quality 96", "from 1 to 95"),
        ("crop 51 %", "from 0 to 50"),
    ],
)
def test_other_words_are_refused(words: str, said: str) -> None:
    with pytest.raises(PictureError, match=said):
        parse_change(words)


@given(
    width=st.integers(1, 40),
    height=st.integers(1, 40),
    percent=st.floats(0.1, 50, allow_subnormal=False).map(lambda share: f"{share:.1f}"),
    form=st.sampled_from(["shift {} % right", "shift {} % up", "crop {} %", "brightness -{} %"]),
)
@settings(deadline=None, max_examples=60)
def test_any_size_survives_any_change(width: int, height: int, percent: str, form: str) -> None:
    picture = Pillow.new("RGB", (width, height), (10, 20, 30))
    shown = changed(picture, form.format(percent))
    assert shown.size == picture.size
    if "brightness" not in form:
        assert shown.getextrema() == ((10, 10), (20, 20), (30, 30))


# -- thumbnails -----------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_thumbnail_is_a_small_png(mode: str, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    uri = thumbnail(pinned(Pillow.fromarray(noise).convert(mode), tmp_path / "a.png"))
    head, _, content = uri.partition(",")
    assert head == "data:image/png;base64"
    assert len(uri) <= 20_000
    shown = Pillow.open(io.BytesIO(base64.b64decode(content)))
    assert shown.format == "PNG"
    assert max(shown.size) <= 160
    assert shown.width * 3 == pytest.approx(shown.height * 4, abs=4)


def test_a_small_gray_image_is_its_own_thumbnail(tmp_path: Path) -> None:
    gray = ramp().convert("L")
    content = thumbnail(pinned(gray, tmp_path / "a.png")).partition(",")[2]
    shown = Pillow.open(io.BytesIO(base64.b64decode(content)))
    assert (pixels(shown) == pixels(gray)).all()
