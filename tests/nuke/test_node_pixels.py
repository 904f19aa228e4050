"""What a node gives, pixel by pixel: the plate as it came, layers and alpha from the files, by view."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy
import pytest

from course_cases import write_channels
from node_cases import node_with, ours, results

SIZE = (40, 24)
NAMES = ("person_01", "bag_01", "dog_01")


def matte(number: int) -> Any:
    """A soft matte, exact in half floats, that differs by number and overlaps the others."""
    columns = numpy.arange(SIZE[0])[None, :] + numpy.zeros((SIZE[1], 1))
    return (numpy.clip(columns - 4 * (number % 7), 0, 16) / 16).astype(numpy.float32)


def written(folder: Path, frames: tuple[int, ...] = (1001, 1002), view: str = "main", shift: int = 0) -> Path:
    """Files as the engine writes them: a layer a slot, and a Cryptomatte beside it."""
    for frame in frames:
        layers = {f"sm_{name}.A": matte(index + frame + shift) for index, name in enumerate(NAMES)}
        write_channels(folder / view / f"plate.mattes.{frame:04d}.exr", layers)
        ranks = {f"SemanticMatte00.{c}": matte(3 + index) for index, c in enumerate("RGBA")}
        write_channels(folder / view / f"plate.cryptomatte.{frame:04d}.exr", ranks, half=False)
    return folder


def plate_of(folder: Path) -> dict[str, Any]:
    """A plate with negative and very bright pixels, and an alpha of its own."""
    random = numpy.random.default_rng(3)
    channels = {c: random.uniform(-0.5, 2.0, SIZE[::-1]).astype(numpy.float32) for c in "RGB"}
    channels["R"][0, :4] = [1000.0, -0.5, 0.0, 65504.0]
    channels["A"] = numpy.full(SIZE[::-1], 0.25, numpy.float32)
    channels["depth.Z"] = random.uniform(0, 9, SIZE[::-1]).astype(numpy.float32)
    write_channels(folder / "plate.exr", channels, half=False)
    return channels


@pytest.fixture
def shot(host: Any, tmp_path: Path) -> Any:
    """Plate, node and where its results are."""
    plate = plate_of(tmp_path)
    read = host.nuke.nodes.Read(file=str(tmp_path / "plate.exr"), raw=True)
    node = ours("node_making").create(read)
    ours("node_results").apply_results(node, results(*NAMES, folder=str(written(tmp_path / "job"))), "Mattes")
    return host, node, plate


def given(host: Any, node: Any, frame: int = 1001, view: str = "main") -> Any:
    return host.evaluate(node, frame, view)


def same(picture: Any, channel: str, expected: Any) -> bool:
    return bool(numpy.array_equal(picture.channel(channel), numpy.asarray(expected, numpy.float32)))


def test_the_plate_is_untouched_and_layers_are_the_files(shot: Any) -> None:
    host, node, plate = shot
    for frame in (1001, 1002):
        picture = given(host, node, frame)
        for c, name in (("R", "rgba.red"), ("G", "rgba.green"), ("B", "rgba.blue"), ("depth.Z", "depth.Z")):
            assert same(picture, name, plate[c])
        mattes = [matte(index + frame) for index in range(3)]
        for name, alpha in zip(NAMES, mattes, strict=True):
            assert same(picture, f"sm_{name}.alpha", alpha)
        assert same(picture, "rgba.alpha", numpy.clip(sum(mattes), 0, 1))
    assert {name.partition(".")[0] for name in picture.channels} == {
        "rgba",
        "depth",
        *(f"sm_{name}" for name in NAMES),
    }


def test_source_is_the_plate_exactly(shot: Any) -> None:
    host, node, plate = shot
    node["show"].setValue("source")
    picture = given(host, node)
    assert same(picture, "rgba.alpha", plate["A"])
    assert same(picture, "rgba.red", plate["R"])
    assert not [name for name in picture.channels if name.startswith("sm_")]


def test_what_an_artist_did_is_what_is_seen(shot: Any) -> None:
    host, node, _ = shot
    actions = ours("instance_actions")
    actions.rename(node, "dog_01", "Rex")
    actions.merge(node, "bag_01", "person_01")
    picture = given(host, node)
    person = numpy.clip(matte(1001) + matte(1002), 0, 1)
    assert same(picture, "sm_person_01.alpha", person)
    assert same(picture, "sm_rex.alpha", matte(1003))
    assert "sm_bag_01.alpha" not in picture.channels
    actions.solo(node, "Rex")
    assert same(given(host, node), "rgba.alpha", matte(1003))
    actions.enable(node, "Rex", False)
    assert "sm_rex.alpha" not in given(host, node).channels
    assert same(given(host, node), "sm_person_01.alpha", person)
    host.change(node, "output_alpha", "one")
    assert same(given(host, node), "rgba.alpha", person)


@pytest.mark.parametrize("show", ["overlay", "alpha"])
def test_views_to_look_at(shot: Any, show: str) -> None:
    host, node, plate = shot
    node["show"].setValue(show)
    picture, alpha = given(host, node), numpy.clip(sum(matte(1001 + index) for index in range(3)), 0, 1)
    for index, (c, name) in enumerate((("R", "rgba.red"), ("G", "rgba.green"), ("B", "rgba.blue"))):
        expected = alpha
        if show == "overlay":
            colour = ours("group_plan").overlay_colour
            tint = sum(colour(place)[index] * matte(1001 + place) for place in range(3))
            expected = plate[c] * (1 - 0.5 * alpha) + 0.5 * tint
        assert picture.channel(name) == pytest.approx(expected, rel=1e-3, abs=1e-3)


def test_the_cryptomatte_is_the_file(shot: Any) -> None:
    host, node, _ = shot
    node["show"].setValue("cryptomatte")
    picture = given(host, node)
    for index, c in enumerate(("red", "green", "blue", "alpha")):
        assert same(picture, f"SemanticMatte00.{c}", matte(3 + index))


def test_a_frame_without_a_matte_is_an_error_unless_asked_otherwise(shot: Any) -> None:
    host, node, plate = shot
    for frame in (1000, 1003):
        with pytest.raises(RuntimeError):
            given(host, node, frame)
    # In the middle of the script's range too, and where the range was widened since.
    host.nuke.root()["last_frame"].setValue(2000)
    with pytest.raises(RuntimeError):
        given(host, node, 1500)
    node["missing_frames"].setValue("black")
    picture = given(host, node, 1003)
    assert same(picture, "rgba.red", plate["R"])
    assert same(picture, "rgba.alpha", numpy.zeros(SIZE[::-1]))
    node["missing_frames"].setValue("nearest")
    assert same(given(host, node, 1003), "sm_person_01.alpha", matte(1002))
    node["missing_frames"].setValue("error")
    node["show"].setValue("source")
    assert same(given(host, node, 1003), "rgba.red", plate["R"])


@pytest.mark.parametrize("show", ["result", "overlay", "alpha", "source", "cryptomatte"])
def test_baked_nodes_give_the_same_pixels(shot: Any, show: str) -> None:
    host, node, _ = shot
    ours("instance_actions").merge(node, "bag_01", "person_01")
    node["show"].setValue(show)
    before = [given(host, node, frame) for frame in (1001, 1002)]
    last = ours("baking").bake(node)[-1]
    for frame, old in zip((1001, 1002), before, strict=True):
        new = given(host, last, frame)
        assert list(new.channels) == list(old.channels)
        for name in old.channels:
            assert same(new, name, old.channel(name))


def test_each_view_has_its_own(host: Any, tmp_path: Path) -> None:
    host.set_views(["left", "right"])
    folder = tmp_path / "job"
    written(folder, view="left")
    written(folder, view="right", shift=2)
    plate_of(tmp_path)
    read = host.nuke.nodes.Read(file=str(tmp_path / "plate.exr"), raw=True)
    node = ours("node_making").create(read)
    ours("node_results").apply_results(
        node, results(*NAMES, folder=str(folder), views=("left", "right")), "Mattes"
    )
    assert same(given(host, node, 1001, "left"), "sm_person_01.alpha", matte(1001))
    assert same(given(host, node, 1001, "right"), "sm_person_01.alpha", matte(1003))


def test_a_held_matte_is_there_at_every_frame(host: Any, tmp_path: Path) -> None:
    folder = written(tmp_path / "job", frames=(1001,))
    plate_of(tmp_path)
    node = ours("node_making").create(host.nuke.nodes.Read(file=str(tmp_path / "plate.exr"), raw=True))
    shown = results(*NAMES, folder=str(folder), frames=(1001,), hold=True)
    ours("node_results").apply_results(node, shown, "Mattes")
    for frame in (-5, 1001, 4000):
        assert same(given(host, node, frame), "sm_person_01.alpha", matte(1001))


def test_negative_frames_are_read_from_their_files(host: Any, tmp_path: Path) -> None:
    folder = written(tmp_path / "job", frames=(998, 999, 1000))
    plate_of(tmp_path)
    node = ours("node_making").create(host.nuke.nodes.Read(file=str(tmp_path / "plate.exr"), raw=True))
    shown = results(*NAMES, folder=str(folder), frames=(-2, -1, 0), offset=1000)
    ours("node_results").apply_results(node, shown, "Mattes")
    for frame in (-2, -1, 0):
        assert same(given(host, node, frame), "sm_person_01.alpha", matte(frame + 1000))
    with pytest.raises(RuntimeError):
        given(host, node, 1)


def test_before_anything_is_generated_the_plate_passes(host: Any, tmp_path: Path) -> None:
    plate = plate_of(tmp_path)
    read = host.nuke.nodes.Read(file=str(tmp_path / "plate.exr"), raw=True)
    read.setSelected(True)
    node = node_with()
    for show in ("result", "overlay", "source", "cryptomatte"):
        node["show"].setValue(show)
        picture = given(host, node)
        assert same(picture, "rgba.alpha", plate["A"])
        assert same(picture, "rgba.red", plate["R"])
