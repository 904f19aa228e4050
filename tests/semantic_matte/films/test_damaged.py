"""Films that are cut off, damaged, empty or no films: one sentence each."""

from __future__ import annotations

import builtins
import contextlib
import random
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from semantic_matte.errors import MissingPackageError, PlateError, SemanticMatteError
from semantic_matte.film_pixels import film_pixels
from semantic_matte.shot_sources import sort_plates
from semantic_matte.video_files import Film

av = pytest.importorskip("av")

X264 = {"x264-params": "keyint=10:min-keyint=10:scenecut=0:bframes=2"}


def sentence(raised: pytest.ExceptionInfo[SemanticMatteError], name: str) -> str:
    """The message, checked: one line, with the film's name and what to do."""
    message = str(raised.value)
    assert name in message
    assert "\n" not in message
    assert message.endswith(".")
    assert len(message) < 500
    return message


@pytest.mark.parametrize(
    "content",
    [b"", b"x", b"not a film, but words" * 100, b"\0" * 5000, b"\x00\x00\x00\x18ftypmp42" + b"\0" * 99],
)
@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.avi", "a.webm", "a.mxf"])
def test_no_film(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(PlateError) as raised:
        sort_plates([tmp_path / name])
    sentence(raised, name)


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    (tmp_path / "b.mov").mkdir()
    with pytest.raises(PlateError, match="does not exist") as raised:
        sort_plates([tmp_path / "a.mov"])
    sentence(raised, "a.mov")
    with pytest.raises(PlateError) as raised:
        sort_plates([tmp_path / "b.mov"])
    sentence(raised, "b.mov")


def test_sound_alone(tmp_path: Path) -> None:
    path = tmp_path / "sound.avi"
    with wave.open(str(path), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(8000))
    with pytest.raises(PlateError, match="holds no pictures") as raised:
        Film(path)
    sentence(raised, "sound.avi")


def test_a_cover_is_no_film(tmp_path: Path, films: Any) -> None:
    if not hasattr(av.container.OutputContainer, "add_stream_from_template"):
        pytest.skip("this PyAV can't write it")
    cover = films.write("cover.mkv", "mjpeg", "yuvj420p", [films.numbered_picture(1)])
    path = tmp_path / "song.m4v"
    with av.open(str(cover)) as pictures, av.open(str(path), "w", format="mp4") as container:
        sound = container.add_stream("aac", rate=44100)
        sleeve = container.add_stream_from_template(pictures.streams.video[0])
        sleeve.disposition = av.stream.Disposition.attached_pic
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        silence.sample_rate = 44100
        for packet in pictures.demux(video=0):
            if packet.size:
                packet.stream = sleeve
                container.mux(packet)
        container.mux(sound.encode(silence))
        container.mux(sound.encode())
    with pytest.raises(PlateError, match="holds no pictures"):
        Film(path)


def test_no_frame_at_all(films: Any) -> None:
    path = films.folder / "none.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = 16, 16, "yuv420p"
        container.start_encoding()
    with pytest.raises(PlateError, match=r"has no frame|End of file") as raised:
        Film(path)
    sentence(raised, "none.mkv")


CUT = {
    "h264.mp4": ("libx264", "yuv420p", X264, {"movflags": "faststart"}),
    "prores.mov": ("prores_ks", "yuv422p10le", {}, {"movflags": "faststart"}),
    "end.mp4": ("libx264", "yuv420p", X264, {}),
    "pieces.mp4": ("libx264", "yuv420p", X264, {"movflags": "frag_keyframe+empty_moov"}),
}


@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("h264.mp4", 0.5),
        ("h264.mp4", 0.99),
        ("prores.mov", 0.5),
        ("prores.mov", 0.99),
        ("end.mp4", 0.5),
        ("pieces.mp4", 0.5),
    ],
)
def test_a_film_that_breaks_off(films: Any, name: str, left: float) -> None:
    codec, pixel_format, options, container_options = CUT[name]
    path = films.numbered(name, codec, pixel_format, 30, options=options, container_options=container_options)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * left)])
    with pytest.raises(PlateError) as raised:
        Film(path)
    message = sentence(raised, name)
    assert "cut off" in message or name == "end.mp4"


def test_where_no_header_tells_the_length_what_is_there_is_read(films: Any) -> None:
    path = films.numbered("a.mkv", "mpeg4", "yuv420p", 30, options={"g": "5", "bf": "0"})
    whole = [film_pixels(frame, "mpeg4").rgb for frame in films.in_order(path)]
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    film = Film(path)
    assert 5 < film.count < 25
    right = 0
    for number in range(1, film.count + 1):
        if number == film.count:
            # In its middle the file may break off.
            with contextlib.suppress(PlateError):
                film.read(number)
            continue
        right += np.array_equal(film_pixels(film._decoding.frame(number - 1), "mpeg4").rgb, whole[number - 1])
    assert right == film.count - 1


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("codec", "name"), [("libx264", "a.mp4"), ("ffv1", "a.mkv"), ("mpeg4", "a.mkv")])
def test_flipped_bits_spoil_no_other_group_of_pictures(films: Any, codec: str, name: str, seed: int) -> None:
    """Frames that do not follow from a damaged packet are untouched, in any order; those that do are refused,
    or what every run makes of them."""
    options = {"libx264": X264, "ffv1": {"g": "10", "slicecrc": "1"}, "mpeg4": {"g": "10", "bf": "0"}}[codec]
    path = films.numbered(name, codec, "yuv420p", 40, options=options)
    film = Film(path)
    whole = [film.read(number).pixels for number in range(1, 41)]
    with av.open(str(path)) as container:
        packets = [(one.pts, one.pos, one.size) for one in container.demux(video=0) if one.size]
    times = sorted(time for time, _, _ in packets)
    random_one = random.Random(seed)
    time, position, size = packets[random_one.randrange(12, 28)]
    content = bytearray(path.read_bytes())
    for _ in range(8):
        place = position + size // 2 + random_one.randrange(size // 2)
        content[min(place, len(content) - 1)] ^= 1 << random_one.randrange(8)
    path.write_bytes(content)
    group = times.index(time) // 10

    def seen(order: list[int]) -> dict[int, Any]:
        """Pixels by number, or the sentence."""
        damaged, found = Film(path), {}
        for number in order:
            try:
                found[number] = damaged.read(number).pixels
            except PlateError as error:
                found[number] = str(error)
        return found

    numbers = list(range(1, 41))
    forwards, mixed = seen(numbers), seen(random_one.sample(numbers, 40))
    for number in numbers:
        assert type(forwards[number]) is type(mixed[number])
        assert np.array_equal(forwards[number], mixed[number])
        if isinstance(forwards[number], str):
            assert forwards[number].startswith(f"Frame {number} of the film")
            # A few frames behind it decoders still wait with those before.
            assert group * 10 - 3 < number <= group * 10 + 10
        elif (number - 1) // 10 != group:
            assert np.array_equal(forwards[number], whole[number - 1]), number
    if codec != "libx264":
        # By checksums and by its decoder's complaints: nothing damaged passes for a picture.
        assert all(
            isinstance(one, str) or np.array_equal(one, whole[number - 1]) for number, one in forwards.items()
        )
        assert any(isinstance(one, str) for one in forwards.values())


def test_a_damaged_key_frame_takes_none_of_those_before_it(films: Any) -> None:
    """Not even those that its decoder still holds when it meets the damage."""
    path = films.numbered("a.mp4", "libx264", "yuv420p", 40, options=X264)
    whole = [Film(path).read(number).pixels for number in range(1, 41)]
    with av.open(str(path)) as container:
        keys = [
            (one.pts, one.pos, one.size) for one in container.demux(video=0) if one.size and one.is_keyframe
        ]
    content = bytearray(path.read_bytes())
    _, position, size = sorted(keys)[2]
    content[position : position + size] = b"\xff" * size
    path.write_bytes(content)
    film = Film(path)
    for number in range(1, 41):
        if 20 < number <= 30:
            with pytest.raises(PlateError, match=f"^Frame {number} of the film"):
                film.read(number)
        else:
            assert np.array_equal(film.read(number).pixels, whole[number - 1]), number


def test_without_pyav(films: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = films.numbered("a.mov", "mpeg4", "yuv420p", 2)
    found = builtins.__import__

    def missing(name: str, *args: Any, **given: Any) -> Any:
        """An installation without it."""
        if name.partition(".")[0] == "av":
            raise ImportError(name)
        return found(name, *args, **given)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(MissingPackageError, match=r"pip install '\.\[video\]'"):
        sort_plates([path])
