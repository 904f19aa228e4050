"""Every frame of a film, in any order, is the one that plain decoding from the start gives."""

from __future__ import annotations

import random
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from semantic_matte.errors import PlateError, UsageError
from semantic_matte.film_pixels import film_pixels
from semantic_matte.shot_sources import missing_sentence, sort_plates
from semantic_matte.types import FloatArray
from semantic_matte.video_files import Film

X264 = "keyint=12:min-keyint=12:scenecut=0:bframes=3:b-adapt=0"

# name -> how it is made, and whether frames can be sought.
KINDS: dict[str, tuple[dict[str, Any], bool]] = {
    "closed.mp4": ({"codec": "libx264", "options": {"x264-params": X264}}, True),
    "open.mp4": ({"codec": "libx264", "options": {"x264-params": f"{X264}:open-gop=1"}}, True),
    "pyramid.mov": ({"codec": "libx264", "options": {"x264-params": f"{X264}:b-pyramid=normal:ref=4"}}, True),
    "long.mp4": ({"codec": "libx264", "options": {"x264-params": "keyint=250:bframes=2"}}, True),
    "open.mkv": ({"codec": "libx265", "options": {"x265-params": "keyint=10:open-gop=1:log-level=0"}}, True),
    "hevc.mp4": ({"codec": "libx265", "options": {"x265-params": "keyint=10:open-gop=1:log-level=0"}}, True),
    "mpeg2.mkv": ({"codec": "mpeg2video", "options": {"bf": "2", "g": "9"}}, True),
    "mpeg2.mxf": ({"codec": "mpeg2video", "options": {"bf": "2", "g": "9"}}, True),
    "mpeg4.avi": ({"codec": "mpeg4", "options": {"bf": "2", "g": "9"}}, True),
    "mpeg4.mp4": ({"codec": "mpeg4", "options": {"bf": "2", "g": "9"}}, True),
    "vp9.webm": ({"codec": "libvpx-vp9", "options": {"g": "9", "lag-in-frames": "8"}}, True),
    # Its packets hold frames that are never shown.
    "vp8.webm": ({"codec": "libvpx", "options": {"g": "9", "auto-alt-ref": "1", "lag-in-frames": "8"}}, False),
    "av1.mp4": ({"codec": "libsvtav1", "options": {"g": "9", "preset": "12"}}, True),
    "prores.mov": ({"codec": "prores_ks", "pixel_format": "yuv422p10le"}, True),
    "lossless.mkv": ({"codec": "ffv1", "options": {"g": "5"}}, True),
    "jpeg.avi": ({"codec": "mjpeg", "pixel_format": "yuvj420p"}, True),
    "animation.mov": ({"codec": "qtrle", "pixel_format": "rgb24"}, True),
    "fragments.mp4": (
        {
            "codec": "libx264",
            "options": {"x264-params": X264},
            "container_options": {"movflags": "frag_keyframe+empty_moov"},
        },
        True,
    ),
}
COUNT = 40


def make(films: Any, name: str, count: int = COUNT, **more: Any) -> Path:
    given = {"pixel_format": "yuv420p", **KINDS[name][0], **more} if name in KINDS else more
    codec, pixel_format = given.pop("codec"), given.pop("pixel_format")
    path: Path = films.numbered(name, codec, pixel_format, count, **given)
    return path


def all_in_order(films: Any, path: Path) -> list[Any]:
    """The pixels of each frame, by plain decoding."""
    codec = Film(path)._tags.codec
    return [film_pixels(frame, codec).rgb for frame in films.in_order(path)]


def encoded(film: Film, number: int) -> Any:
    """A frame's pixels as they are encoded, (H, W, 3) uint16."""
    return film_pixels(film._decoding.frame(number - 1), film._tags.codec).rgb


@pytest.mark.parametrize("name", KINDS)
def test_any_order_is_as_from_the_start(films: Any, name: str) -> None:
    path = make(films, name)
    wanted = all_in_order(films, path)
    film = Film(path)
    assert film.count == len(wanted) == COUNT
    assert film._index.seekable == KINDS[name][1]
    orders = [list(range(1, COUNT + 1)), list(range(COUNT, 0, -1))]
    orders.append(random.Random(name).sample(orders[0], COUNT))
    for order in orders:
        for number in order:
            assert np.array_equal(encoded(film, number), wanted[number - 1]), number
    # A host of a farm opens it for some frames in its middle.
    for first in (14, 31):
        alone = Film(path)
        for number in range(first, first + 5):
            assert np.array_equal(encoded(alone, number), wanted[number - 1]), number


@pytest.mark.parametrize("name", ["closed.mp4", "vp8.webm", "prores.mov", "mpeg4.avi"])
def test_frames_count_from_one_in_the_order_of_showing(films: Any, name: str) -> None:
    film = Film(make(films, name))
    for number in (1, 2, 20, 39, COUNT):
        plate = film.read(number)
        assert films.number_in(plate.pixels) == number
        assert (plate.frame, plate.name) == (number, Path(name).stem)


TIMES = {
    # Steps of one to seven frames.
    "uneven": [0, 1, 2, 9, 10, 14, 15, 16, 20, 27, 28, 29, 30, 33, 40, 41, 42, 43, 50, 51],
    "late": list(range(100, 120)),
    "early": list(range(-7, 13)),
}


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("name", ["closed.mp4", "vp9.webm", "prores.mov"])
def test_times_do_not_matter(films: Any, name: str, times: str) -> None:
    path = make(films, name, 20, times=TIMES[times])
    wanted = all_in_order(films, path)
    film = Film(path)
    assert film.count == len(wanted)
    for number in random.Random(times).sample(range(1, film.count + 1), film.count):
        assert np.array_equal(encoded(film, number), wanted[number - 1]), number
    shown = [films.number_in(film.read(number).pixels) for number in range(1, film.count + 1)]
    # An edit list may cut frames away at the start, and nothing else.
    assert shown == list(range(21 - film.count, 21))


@pytest.mark.parametrize("name", ["open.mp4", "lossless.mkv"])
def test_one_frame_and_two(films: Any, name: str) -> None:
    for count in (1, 2):
        film = Film(make(films, name, count))
        assert [films.number_in(film.read(number).pixels) for number in range(1, count + 1)] == [1, 2][:count]


def test_frames_that_are_not_there(films: Any) -> None:
    film = Film(make(films, "prores.mov", 5))
    for number in (0, 6, -1):
        with pytest.raises(PlateError, match=rf"^Frame {number} of 'prores.mov' is not there: it has 1 to 5\."):
            film.read(number)


def test_a_film_is_a_shot(films: Any) -> None:
    path = make(films, "closed.mp4", 12)
    [shot], stills = sort_plates([path], "3-20x4")
    assert stills == []
    assert (shot.name, shot.title, shot.is_film) == ("closed", "closed.mp4", True)
    assert (shot.frames, shot.missing, shot.files) == ((3, 7, 11), (15, 19), (path,))
    assert shot.path(7) == shot.plate_name(7) == path.with_name("closed.0007.mp4")
    assert films.number_in(shot.read(7).pixels) == 7
    assert sort_plates([path])[0][0].frames == tuple(range(1, 13))
    assert missing_sentence(shot).endswith(
        "are missing: 15, 19: give other --frames, or --missing-frames skip leaves them out."
    )
    with pytest.raises(UsageError, match="it has 1-12"):
        sort_plates([path], "13-20")


def test_threads_take_turns(films: Any) -> None:
    film = Film(make(films, "open.mp4"))
    wanted = [film.read(number).pixels for number in range(1, COUNT + 1)]
    right: list[bool] = []

    def read(seed: int) -> None:
        """All frames, in an order of its own."""
        for number in random.Random(seed).sample(range(1, COUNT + 1), COUNT):
            right.append(np.array_equal(film.read(number).pixels, wanted[number - 1]))  # noqa: PERF401

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert right == [True] * COUNT * 3


def test_frames_in_order_are_decoded_once(films: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole groups of pictures decoded for each frame would take the square of the time."""
    film = Film(make(films, "long.mp4", 60))
    begun = 0
    begin = film._decoding._begin_at

    def counted(key: int, place: int) -> bool:
        nonlocal begun
        begun += 1
        return begin(key, place)

    monkeypatch.setattr(film._decoding, "_begin_at", counted)
    for number in range(1, 61):
        film.read(number)
    assert begun == 1
    # Some frames are passed over, as by --frames.
    for number in (5, 9, 13, 40):
        film.read(number)
    assert begun == 2


def test_what_lies_between_is_not_decoded(films: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    film = Film(make(films, "closed.mp4"))
    keys: list[int] = []
    begin = film._decoding._begin_at

    def noted(key: int, place: int) -> bool:
        keys.append(film._index.times.index(key) + 1)
        return begin(key, place)

    monkeypatch.setattr(film._decoding, "_begin_at", noted)
    for number in (1, 38, 39, 2, 14):
        assert films.number_in(film.read(number).pixels) == number
    assert keys == [1, 37, 1, 13]


def test_a_closed_film_is_opened_again(films: Any) -> None:
    film = Film(make(films, "prores.mov", 3))
    before: FloatArray = film.read(2).pixels
    film.close()
    assert np.array_equal(film.read(2).pixels, before)
