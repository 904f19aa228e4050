"""Colours of films against the standards' own equations: RGB is made into Y'CbCr here, and has to come back."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from semantic_matte.colour import to_scene_linear
from semantic_matte.errors import PlateError, UnknownNameError
from semantic_matte.film_pixels import film_pixels
from semantic_matte.film_tags import timecode_after
from semantic_matte.video_files import Film

av = pytest.importorskip("av")

# Red and blue shares of luma, as ITU-R BT.601, BT.709 and BT.2020 print them.
MATRICES = {6: (0.299, 0.114), 1: (0.2126, 0.0722), 9: (0.2627, 0.0593)}
Reals = npt.NDArray[np.float64]


def colours(height: int = 48, width: int = 64) -> Reals:
    """(H, W, 3) in 0..1: patches of 8 x 8 with corners, primaries and greys among them."""
    rng = np.random.default_rng(5)
    patches = rng.random((height // 8, width // 8, 3))
    corners = np.array([[r, g, b] for r in (0, 1) for g in (0, 1) for b in (0, 1)], float)
    patches[0, :8] = corners
    patches[1, :5] = np.linspace(0, 1, 5)[:, None]
    return patches.repeat(8, 0).repeat(8, 1)


def encoded(rgb: Reals, matrix: int, bits: int, full: bool) -> list[npt.NDArray[np.uint16]]:
    """Y', Cb, Cr at full size by the standard's equations, as whole numbers."""
    red_share, blue_share = MATRICES[matrix]
    luma = rgb @ [red_share, 1 - red_share - blue_share, blue_share]
    blue = (rgb[..., 2] - luma) / (2 * (1 - blue_share))
    red = (rgb[..., 0] - luma) / (2 * (1 - red_share))
    unit, largest = 1 << (bits - 8), (1 << bits) - 1
    if full:
        planes = [luma * largest, blue * largest + 128 * unit, red * largest + 128 * unit]
    else:
        planes = [(luma * 219 + 16) * unit, (blue * 224 + 128) * unit, (red * 224 + 128) * unit]
    return [np.rint(plane).clip(0, largest).astype(np.uint16) for plane in planes]


def frame_of(planes: list[npt.NDArray[np.uint16]], name: str, **tags: int) -> Any:
    """A frame of a planar format out of its planes."""
    frame = av.VideoFrame(planes[0].shape[1], planes[0].shape[0], name)
    for plane, values in zip(frame.planes, planes, strict=True):
        kind = np.uint8 if not name.endswith("le") else np.dtype("<u2")
        row = plane.line_size // np.dtype(kind).itemsize
        rows = np.zeros((plane.height, row), kind)
        rows[:, : plane.width] = values
        plane.update(rows.tobytes())
    for tag, value in tags.items():
        setattr(frame, tag, value)
    return frame


def thinned(plane: npt.NDArray[np.uint16], across: int, down: int) -> npt.NDArray[np.uint16]:
    return plane[::down, ::across]


SAMPLINGS = {"444": (1, 1), "422": (2, 1), "420": (2, 2), "440": (1, 2), "411": (4, 1)}


@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize("full", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@pytest.mark.parametrize("sampling", ["444", "422", "420"])
def test_equations_forwards(matrix: int, full: bool, bits: int, sampling: str) -> None:
    rgb = colours()
    across, down = SAMPLINGS[sampling]
    luma, *chroma = encoded(rgb, matrix, bits, full)
    name = f"yuv{sampling}p" + ("" if bits == 8 else f"{bits}le")
    planes = [luma, *(thinned(plane, across, down) for plane in chroma)]
    frame = frame_of(planes, name, colorspace=matrix, color_range=2 if full else 1)
    found = film_pixels(frame, "h264")
    assert found.notices == ()
    # Inside of patches chroma has no neighbours of another colour.
    inside = (np.arange(48) % 8 >= 2) & (np.arange(48) % 8 < 6)
    inside_across = (np.arange(64) % 8 >= 2) & (np.arange(64) % 8 < 6)
    away = np.abs(found.rgb / 65535 - rgb)[inside][:, inside_across]
    # Rounding of the encoding itself, which its equations magnify at most so much.
    assert away.max() <= 2.2 / (219 * 2 ** (bits - 8)) + 1 / 65535


@pytest.mark.parametrize("name", ["yuv440p", "yuv411p"])
def test_rare_samplings(name: str) -> None:
    across, down = SAMPLINGS[name[3:6]]
    luma, *chroma = encoded(colours(), 1, 8, False)
    planes = [luma, *(thinned(plane, across, down) for plane in chroma)]
    found = film_pixels(frame_of(planes, name, colorspace=1), "dvvideo").rgb / 65535
    assert np.abs(found - colours())[3::8, 3::8].max() <= (2.2 / 219 if down == 2 or across == 2 else 0.6)
    assert np.abs(found - colours())[3::8, 0::8].max() <= 2.2 / 219


@pytest.mark.parametrize("codec", ["h264", "mjpeg"])
def test_chroma_lies_where_its_standard_says(codec: str) -> None:
    """A ramp of chroma, sampled where the standard puts its samples, comes back as that ramp."""
    columns, rows = np.meshgrid(np.arange(32.0), np.arange(16.0))
    ramp = 40 + 4 * columns + 3 * rows
    # From the left pixel of two (MPEG-2, H.264), or between them (JPEG); between the rows in both.
    shift = 0.0 if codec == "h264" else 0.5
    chroma = (40 + 4 * (np.arange(0, 32, 2) + shift))[None, :] + 3 * (np.arange(0, 16, 2) + 0.5)[:, None]
    planes = [np.full((16, 32), 126), np.full((8, 16), 128), np.rint(chroma)]
    frame = frame_of([plane.astype(np.uint16) for plane in planes], "yuv420p", colorspace=1, color_range=1)
    limited = codec != "mjpeg"
    red = film_pixels(frame, codec).rgb[..., 0] / 65535
    luma = (126 - 16) / 219 if limited else 126 / 255
    wanted = luma + 2 * (1 - 0.2126) * (ramp - 128) / (224 if limited else 255)
    inner = np.s_[2:-2, 2:-2]
    assert np.abs(red - wanted.clip(0, 1))[inner].max() <= 0.6 * 1.5748 / 219


PACKED = ["nv12", "nv16", "nv24", "p010le", "p210le", "yuyv422", "uyvy422"]


@pytest.mark.parametrize("name", PACKED)
def test_packed_planes_are_the_same(name: str) -> None:
    bits = 10 if "10" in name else 8
    sampling = {"nv12": "420", "p010le": "420", "nv24": "444"}.get(name, "422")
    across, down = SAMPLINGS[sampling]
    luma, *chroma = encoded(colours(), 1, bits, False)
    planar = "yuv" + sampling + "p" + ("10le" if bits == 10 else "")
    planes = [luma, *(thinned(plane, across, down) for plane in chroma)]
    frame = frame_of(planes, planar, colorspace=1, color_range=1)
    packed = frame.reformat(format=name, src_color_range=1, dst_color_range=1)
    packed.colorspace = 1
    assert packed.format.name == name
    assert np.array_equal(film_pixels(packed, "h264").rgb, film_pixels(frame, "h264").rgb)


@pytest.mark.parametrize("name", ["rgb24", "bgr24", "rgba", "bgra", "bgr0", "argb", "gbrp"])
def test_rgb_is_taken_as_it_is(name: str) -> None:
    rgb = np.rint(colours() * 255).astype(np.uint8)
    frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=name)
    found = film_pixels(frame, "qtrle")
    assert np.abs(found.rgb / 65535 - rgb / 255).max() <= 1e-5
    assert found.notices == ()


def test_deep_rgb_is_taken_as_it_is() -> None:
    packed = np.rint(colours() * 65535).astype(np.uint16)
    frame = av.VideoFrame.from_ndarray(packed, format="rgb48le")
    assert np.array_equal(film_pixels(frame, "png").rgb, packed)
    # FFmpeg keeps green first, as its name says.
    red, green, blue = np.moveaxis(np.rint(colours() * 1023).astype(np.uint16), -1, 0)
    found = film_pixels(frame_of([green, blue, red], "gbrp10le"), "dnxhd").rgb / 65535
    assert np.abs(found - np.stack([red, green, blue], -1) / 1023).max() <= 1e-5


@pytest.mark.parametrize(("name", "full"), [("gray", False), ("gray", True), ("gray10le", True)])
def test_grey(name: str, full: bool) -> None:
    bits = 10 if "10" in name else 8
    grey = np.linspace(0, 1, 64)[None].repeat(48, 0)
    luma = encoded(grey[..., None].repeat(3, -1), 1, bits, full)[0]
    found = film_pixels(frame_of([luma], name, color_range=2 if full else 1), "ffv1")
    assert np.abs(found.rgb / 65535 - grey[..., None]).max() <= 0.51 / 219
    assert found.notices == ()


def test_without_a_tag_the_matrix_goes_by_the_height() -> None:
    for height, matrix, named in ((712, 6, "BT.601"), (720, 1, "BT.709")):
        rgb = colours(height, 64)
        planes = encoded(rgb, matrix, 8, False)
        found = film_pixels(frame_of(planes, "yuv444p", colorspace=2), "h264")
        assert np.abs(found.rgb / 65535 - rgb).max() <= 2.2 / 219
        assert named in found.notices[0]
        assert f"{height} lines" in found.notices[0]


def test_alpha_is_ignored_with_a_word() -> None:
    planes = encoded(colours(), 1, 10, False)
    opaque = np.full((48, 64), 1023, np.uint16)
    clear = opaque.copy()
    clear[5, 5] = 0
    whole, holed = (
        film_pixels(frame_of([*planes, alpha], "yuva444p10le", colorspace=1), "prores")
        for alpha in (opaque, clear)
    )
    assert np.array_equal(whole.rgb, holed.rgb)
    assert whole.notices == ()
    assert holed.notices == ("The film's alpha channel is ignored.",)


@pytest.mark.parametrize("name", ["gbrpf32le", "xyz12le", "rgb565le", "monob"])
def test_other_formats_are_refused(name: str) -> None:
    with pytest.raises(PlateError, match=f"'{name}', which is not read"):
        film_pixels(av.VideoFrame(16, 16, name), "rawvideo")


def test_other_matrices_are_refused() -> None:
    frame = av.VideoFrame(16, 16, "yuv444p")
    frame.colorspace = 10
    with pytest.raises(PlateError, match=r"matrix 10 of H\.273"):
        film_pixels(frame, "h264")


def tagged(**tags: int) -> Callable[[Any, Any], None]:
    """Sets H.273's numbers in a stream."""

    def prepare(_container: Any, stream: Any) -> None:
        for name, value in tags.items():
            setattr(stream.codec_context, name, value)

    return prepare


RGB = np.full((48, 64, 3), 128, np.uint8)


@pytest.mark.parametrize(
    ("tags", "space", "said"),
    [
        ({"color_trc": 1, "color_primaries": 1, "colorspace": 1}, "rec709", ""),
        ({"color_trc": 6, "color_primaries": 6, "colorspace": 1}, "rec709", ""),
        ({"color_trc": 14, "color_primaries": 1, "colorspace": 1}, "rec709", ""),
        ({"color_trc": 13, "color_primaries": 1, "colorspace": 1}, "srgb", ""),
        ({"color_trc": 13, "color_primaries": 12, "colorspace": 1}, "display_p3", ""),
        ({"color_trc": 8, "color_primaries": 1, "colorspace": 1}, "scene_linear_rec709", ""),
        ({"color_trc": 4, "color_primaries": 1, "colorspace": 1}, "rec709", "a power of 2.2"),
        ({"color_trc": 2, "color_primaries": 2, "colorspace": 1}, "rec709", "does not say how its brightness"),
        ({"color_trc": 1, "color_primaries": 9, "colorspace": 9}, "rec709", "primaries (number 9"),
    ],
)
def test_what_the_film_says_of_its_colours(films: Any, tags: dict[str, int], space: str, said: str) -> None:
    path = films.write("a.mkv", "ffv1", "yuv444p", [RGB] * 2, prepare=tagged(**tags, color_range=1))
    plate = Film(path).read(2)
    assert plate.read_as == space
    assert any(said in notice for notice in plate.notices) if said else plate.notices == ()
    number = film_pixels(films.in_order(path)[0], "ffv1").rgb[0, 0] / 65535
    assert plate.pixels[0, 0] == pytest.approx(
        to_scene_linear(number[None, None].astype(np.float32), space)[0, 0]
    )


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG"), (9, "logarithmic"), (17, "H.273")])
def test_brightness_that_has_to_be_named(films: Any, transfer: int, name: str) -> None:
    path = films.write("a.mkv", "ffv1", "yuv444p", [RGB] * 2, prepare=tagged(color_trc=transfer, colorspace=9))
    with pytest.raises(PlateError, match=rf"^Frame 1 of the film .*{name}.*--colour-space"):
        Film(path).read(1)
    plate = Film(path).read(1, "srgb")
    assert (plate.read_as, plate.notices) == ("srgb", ())
    with pytest.raises(UnknownNameError):
        Film(path).read(1, "nonsense")


def test_own_light_is_kept(films: Any) -> None:
    path = films.write("a.mkv", "ffv1", "yuv444p", [RGB])
    assert Film(path).read(1, "acescg", keep_own=True).own[1] == "acescg"
    assert Film(path).read(1, "acescg").own_pixels is None


def test_shape_of_pixels_and_fields_and_timecode(films: Any) -> None:
    def prepare(container: Any, stream: Any) -> None:
        stream.codec_context.sample_aspect_ratio = Fraction(16, 11)
        stream.metadata["timecode"] = "01:00:59:23"

    path = films.write("a.mov", "mpeg4", "yuv420p", [RGB] * 3, prepare=prepare)
    film = Film(path)
    assert [film.read(number).timecode for number in (1, 2, 3)] == ["01:00:59:23", "01:01:00:00", "01:01:00:01"]
    assert film.read(1).pixel_aspect == pytest.approx(16 / 11)
    options = {"flags": "+ildct+ilme", "field_order": "tt"}
    woven = films.write("b.mkv", "mpeg2video", "yuv420p", [RGB] * 3, options=options)
    assert any("interlaced" in notice for notice in Film(woven).read(2).notices)


def test_a_turned_film_is_told_of(films: Any) -> None:
    if not hasattr(av.video.codeccontext.VideoCodecContext, "set_display_rotation") and not hasattr(
        av.video.stream.VideoStream, "set_display_rotation"
    ):
        pytest.skip("this PyAV can't write it")
    path = films.write(
        "a.mp4",
        "mpeg4",
        "yuv420p",
        [films.numbered_picture(1)],
        prepare=lambda _, stream: stream.set_display_rotation(90),
    )
    plate = Film(path).read(1)
    assert plate.size == (48, 64)
    assert any("shown turned by" in notice for notice in plate.notices)


def plain_timecodes(first: tuple[int, int, int, int], base: int, drops: int) -> Any:
    """Timecodes counted one by one, as SMPTE 12M tells it."""
    hours, minutes, seconds, count = first
    while True:
        yield f"{hours:02d}:{minutes:02d}:{seconds:02d}{';' if drops else ':'}{count:02d}"
        count += 1
        if count == base:
            count, seconds = 0, seconds + 1
        if seconds == 60:
            seconds, minutes = 0, minutes + 1
            if minutes % 10 and minutes < 60:
                count += drops
        if minutes == 60:
            minutes, hours = 0, (hours + 1) % 24


@pytest.mark.parametrize(
    ("first", "rate", "drops"),
    [
        ((0, 58, 58, 20), Fraction(24000, 1001), 0),
        ((23, 58, 59, 20), Fraction(25), 0),
        ((0, 8, 59, 20), Fraction(30000, 1001), 2),
        ((23, 49, 0, 2), Fraction(30000, 1001), 2),
        ((0, 0, 0, 0), Fraction(60000, 1001), 4),
    ],
)
def test_timecodes_are_counted_on(first: tuple[int, int, int, int], rate: Fraction, drops: int) -> None:
    counted = plain_timecodes(first, round(rate), drops)
    start = next(counted)
    for frames in range(1, 45_000):
        wanted = next(counted)
        if frames % 7 == 0 or wanted[6:8] == "00" or frames < 100:
            assert timecode_after(start, frames, rate) == wanted, frames


@pytest.mark.parametrize("first", ["", "1:2:3:4", "01:02:03", "ab:cd:ef:gh"])
def test_no_timecode(first: str) -> None:
    assert timecode_after(first, 5, Fraction(24)) == ""
    assert timecode_after("01:00:00:00", 5, None) == ""
