"""A real photo through everything: Read, node, capture, real worker, layers, Write; pixels are the engine's."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import OpenEXR
import pytest

ROOT = Path(__file__).parent.parent.parent
PLUGIN = ROOT / "nuke_plugin"
SIZE = (96, 96)

if sys.platform != "linux":
    pytest.skip("processes are found through /proc", allow_module_level=True)


def channels_of(path: Path) -> dict[str, Any]:
    """All channels over the display window; outside of the data window there is nothing."""
    with OpenEXR.File(str(path), separate_channels=True) as file:
        header = file.header()
        (x, y), (last_x, last_y) = (corner.tolist() for corner in header["displayWindow"])
        left, top = header["dataWindow"][0].tolist()
        found = {}
        for name, channel in file.channels().items():
            pixels = channel.pixels
            whole = numpy.zeros((last_y - y + 1, last_x - x + 1), pixels.dtype)
            height, width = pixels.shape
            rows, columns = slice(max(top, y), top + height), slice(max(left, x), left + width)
            part = whole[rows.start - y : rows.stop - y, columns.start - x : columns.stop - x]
            part[...] = pixels[rows.start - top :, columns.start - left :][: part.shape[0], : part.shape[1]]
            found[name] = whole
    return found


def read_of(nuke: Any, pattern: str, frames: tuple[int, ...] = (1001,)) -> Any:
    read = nuke.nodes.Read()
    read["file"].setValue(pattern)
    read["raw"].setValue(True)
    for knob in ("first", "origfirst"):
        read[knob].setValue(frames[0])
    for knob in ("last", "origlast"):
        read[knob].setValue(frames[-1])
    return read


def node_on(host: Any, source: Any, **knobs: Any) -> Any:
    """A node with quick settings behind a source."""
    import semantic_matte_nuke as sm

    node = sm.create(source)
    quick = {"find": "person:largest", "passes": 1, "samples": 1, "hold": "off"}
    for name, value in {**quick, **knobs}.items():
        node[name].setValue(value)
    return node


def generated(host: Any, node: Any, frames: Any = None) -> Any:
    """Generate, with the window's loop running; the computation, which succeeded."""
    import semantic_matte_nuke as sm

    work = sm.generate(node, frames)
    if not work.ended:
        assert host.pump(lambda: work.ended, 120)
    assert work.state == "done", work
    return work


def written(host: Any, node: Any, path: Path, frame: int = 1001, view: str = "main") -> dict[str, Any]:
    """All channels that a float Write below a node gives."""
    write = host.nuke.nodes.Write()
    write.setInput(0, node)
    write["channels"].setValue("all")
    write["file"].setValue(path.as_posix())
    write["file_type"].setValue("exr")
    write["raw"].setValue(True)
    write["datatype"].setValue("32 bit float")
    host.render(write, frame, frame, [view])
    host.nuke.delete(write)
    return channels_of(path)


def engine_alpha(node: Any, frame: int = 1001, view: str = "main") -> Any:
    """The first alpha in the engine's own file, read without anything of ours."""
    import semantic_matte_nuke.node_results as node_results

    results = node_results.shown_results(node).of_view(view)
    found = channels_of(Path(results.mattes_file(frame)))
    return found[sorted(found)[0]].astype(numpy.float32)


def is_near_nothing(first: Any, second: Any) -> None:
    """Not one pixel differs, by nothing."""
    one, other = (numpy.asarray(pixels, numpy.float32) for pixels in (first, second))
    numpy.testing.assert_array_equal(one, other)


@pytest.fixture
def shot(host: Any, warm_place: Any, plate: Callable[..., str]) -> Path:
    """A saved script's folder."""
    folder = warm_place.work / f"shot_{len(list(warm_place.work.iterdir()))}"
    folder.mkdir()
    plate(folder / "plates", SIZE, (1001, 1002))
    host.nuke.root()["first_frame"].setValue(1001)
    host.nuke.root()["last_frame"].setValue(1002)
    host.save(folder / "shot.nk")
    return folder


def pattern(shot: Path) -> str:
    return f"{shot.as_posix()}/plates/plate.%04d.exr"


def test_layers_and_alpha_are_the_engines_and_colours_the_plates(host: Any, shot: Path) -> None:
    node = node_on(host, read_of(host.nuke, pattern(shot), (1001, 1002)))
    generated(host, node)
    import semantic_matte_nuke as sm

    (one,) = sm.instances(node)
    for frame in (1001, 1002):
        seen = written(host, node, shot / f"out.{frame}.exr", frame)
        alpha = engine_alpha(node, frame)
        assert alpha.max() > 0.5
        is_near_nothing(seen[f"{one.layer}.alpha"], alpha)
        is_near_nothing(seen["A"], alpha)
        source = channels_of(shot / "plates" / f"plate.{frame}.exr")
        for name in "RGB":
            is_near_nothing(seen[name], source[name])
    # Saved, closed, opened: the same.
    host.save(shot / "shot.nk")
    name = node.name()
    host.open(shot / "shot.nk")
    is_near_nothing(written(host, host.nuke.toNode(name), shot / "again.exr", 1002)["A"], alpha)


def test_extreme_values_pass_bit_for_bit(host: Any, shot: Path) -> None:
    """Below 0, far above 1: what flows in flows out, and the engine copes."""
    path = shot / "plates" / "plate.1001.exr"
    pixels = channels_of(path)
    pixels["R"][0, 0], pixels["G"][1, 1], pixels["B"][2, 2] = 1000.0, -0.5, 65504.0
    OpenEXR.File({"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}, dict(pixels)).write(
        str(path)
    )
    node = node_on(host, read_of(host.nuke, pattern(shot), (1001, 1002)))
    generated(host, node, 1001)
    seen = written(host, node, shot / "out.exr")
    for name in "RGB":
        is_near_nothing(seen[name], pixels[name])
    node["show"].setValue("source")
    is_near_nothing(written(host, node, shot / "source_2.exr")["R"], pixels["R"])


def test_undo_takes_a_result_back_in_one_step(host: Any, shot: Path) -> None:
    node = node_on(host, read_of(host.nuke, pattern(shot), (1001, 1002)))
    generated(host, node, 1001)
    with_mattes = host.evaluate(node, 1001).channels
    assert "sm_person_01.alpha" in with_mattes
    host.undo()
    assert not [name for name in host.evaluate(node, 1001).channels if name.startswith("sm_")]
    host.redo()
    again = host.evaluate(node, 1001).channels
    assert set(again) == set(with_mattes)
    is_near_nothing(again["rgba.alpha"], with_mattes["rgba.alpha"])


def test_proxy_mode_is_put_back_and_the_capture_is_full_size(host: Any, shot: Path) -> None:
    node = node_on(host, read_of(host.nuke, pattern(shot), (1001, 1002)))
    host.nuke.root()["proxy"].setValue(True)
    generated(host, node, 1001)
    assert host.nuke.root()["proxy"].value()
    assert engine_alpha(node).shape == (SIZE[1], SIZE[0])


def test_anamorphic_and_overscan_lie_where_the_plate_is(host: Any, shot: Path) -> None:
    path = shot / "plates" / "plate.1001.exr"
    pixels = channels_of(path)
    header = {
        "compression": OpenEXR.ZIP_COMPRESSION,
        "type": OpenEXR.scanlineimage,
        "pixelAspectRatio": 2.0,
        "dataWindow": (numpy.array([-8, -8], "int32"), numpy.array([87, 87], "int32")),
        "displayWindow": (numpy.array([0, 0], "int32"), numpy.array([79, 79], "int32")),
    }
    OpenEXR.File(header, dict(pixels)).write(str(path))
    node = node_on(host, read_of(host.nuke, pattern(shot), (1001, 1002)))
    generated(host, node, 1001)
    seen = host.evaluate(node, 1001)
    source = host.evaluate(node.input(0), 1001)
    assert seen.pixel_aspect == 2.0
    assert (seen.data_window, seen.display_window) == (source.data_window, source.display_window)
    assert source.data_window[0] < 0
    # Overscan is matted too: the engine's file has all of it, and may be tighter than the plate.
    import semantic_matte_nuke.node_results as node_results

    path = Path(node_results.shown_results(node).of_view("main").mattes_file(1001))
    with OpenEXR.File(str(path), separate_channels=True) as file:
        (channel,) = file.channels().values()
        corner, pixels = file.header()["dataWindow"][0].tolist(), channel.pixels
    layer = next(name for name in seen.channels if name.startswith("sm_"))
    left, top = corner[0] + 8, corner[1] + 8
    whole = numpy.zeros((SIZE[1], SIZE[0]), numpy.float32)
    whole[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
    is_near_nothing(seen.channels[layer], whole)
    assert whole[80:].sum() > 1


def test_each_view_has_its_own(host: Any, shot: Path, plate: Callable[..., str]) -> None:
    host.set_views(["left", "right"])
    for view, frames in (("left", (1001,)), ("right", (1000, 1001))):
        plate(shot / view, SIZE, frames)
    node = node_on(host, read_of(host.nuke, f"{shot.as_posix()}/%V/plate.%04d.exr"))
    generated(host, node, 1001)
    left, right = (written(host, node, shot / f"out_{view}.exr", 1001, view)["A"] for view in ("left", "right"))
    is_near_nothing(left, engine_alpha(node, 1001, "left"))
    is_near_nothing(right, engine_alpha(node, 1001, "right"))


def test_negative_frames(host: Any, shot: Path, plate: Callable[..., str]) -> None:
    """Files have numbers from 0 on; frames of the script stay what they are."""
    offset = host.nuke.nodes.TimeOffset()
    offset.setInput(0, read_of(host.nuke, pattern(shot), (1001, 1002)))
    offset["time_offset"].setValue(-1003)
    node = node_on(host, offset)
    generated(host, node, "-2--1")
    seen = written(host, node, shot / "out.exr", -1)
    is_near_nothing(seen["A"], engine_alpha(node, -1))
    is_near_nothing(seen["R"], channels_of(shot / "plates" / "plate.1002.exr")["R"])


def test_cryptomatte_keeps_its_metadata(host: Any, shot: Path) -> None:
    node = node_on(host, read_of(host.nuke, pattern(shot), (1001, 1002)))
    generated(host, node, 1001)
    node["show"].setValue("cryptomatte")
    seen = host.evaluate(node, 1001)
    assert any("cryptomatte/" in name and name.endswith("/manifest") for name in seen.metadata)
    assert [name for name in seen.channels if name.lower().startswith("semanticmatte")]


ABSENT = """
import os, sys
sys.path[:0] = [{fake!r}, {core!r}]
from fake_nuke import FakeNuke
with FakeNuke(version={version}, gui={gui}) as host:
    host.open({script!r})
    write = host.nuke.toNode("Out")
    host.render(write, 1001, 1001)
    if {gui}:
        host.click(host.nuke.toNode("SemanticMatte1"), "generate_frame")
        print(host.messages)
    assert not [name for name in sys.modules if name.startswith("semantic_matte")], "the plugin was imported"
    assert host.callback_errors == [], host.callback_errors
    assert host.load_errors == [], host.load_errors
"""


@pytest.mark.parametrize("gui", [True, False], ids=["window", "terminal"])
def test_a_saved_script_renders_the_same_without_the_plugin(host: Any, shot: Path, gui: bool) -> None:
    """In a process that has neither the plugin nor the client on its path."""
    node = node_on(host, read_of(host.nuke, pattern(shot), (1001, 1002)))
    node.setName("SemanticMatte1")
    generated(host, node, 1001)
    write = host.nuke.nodes.Write()
    write.setName("Out")
    write.setInput(0, node)
    for knob, value in (("channels", "all"), ("file", f"{shot.as_posix()}/out.exr"), ("file_type", "exr")):
        write[knob].setValue(value)
    write["raw"].setValue(True)
    host.save(shot / "shot.nk")
    host.render(write, 1001, 1001)
    wanted = channels_of(shot / "out.exr")
    (shot / "out.exr").unlink()
    code = ABSENT.format(
        fake=str(Path(__file__).parent / "fake"),
        core=str(shot),
        version=(15, 1),
        gui=gui,
        script=str(shot / "shot.nk"),
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False, cwd=shot
    )
    assert done.returncode == 0, done.stderr
    if gui:
        assert "semantic-matte install nuke" in done.stdout
        assert "renders without it" in done.stdout
    found = channels_of(shot / "out.exr")
    assert set(found) == set(wanted)
    for name, pixels in wanted.items():
        is_near_nothing(found[name], pixels)


TERMINAL = """
import runpy, sys
sys.path[:0] = [{fake!r}]
from fake_nuke import FakeNuke
given = sys.argv[1:]
sys.argv = [{entry!r}, *given]
with FakeNuke(version=(15, 1), gui=False, arguments=({entry!r}, *given)) as host:
    host.start({plugin!r})
    assert "menu" not in sys.modules
    try:
        runpy.run_path({entry!r}, run_name="__main__")
    except SystemExit as end:
        code = end.code or 0
sys.exit(code)
"""


def test_generate_in_a_terminal_and_render_with_init_alone(host: Any, shot: Path) -> None:
    """`nuke -t generate.py script node range`, in a process; then a render that only read files."""
    read_of(host.nuke, pattern(shot), (1001, 1002))
    node = node_on(host, host.nuke.allNodes("Read")[0])
    node.setName("SemanticMatte1")
    host.save(shot / "shot.nk")
    code = TERMINAL.format(
        fake=str(Path(__file__).parent / "fake"), entry=str(PLUGIN / "generate.py"), plugin=str(PLUGIN)
    )

    def run(*given: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", code, *given], capture_output=True, text=True, check=False, cwd=shot
        )

    done = run(str(shot / "shot.nk"), "SemanticMatte1", "1001-1002", "--save")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "progress " in done.stdout
    host.open(shot / "shot.nk")
    node = host.nuke.toNode("SemanticMatte1")
    is_near_nothing(written(host, node, shot / "out.exr", 1002)["A"], engine_alpha(node, 1002))
    failed = run(str(shot / "shot.nk"), "NoSuchNode", "1001")
    assert failed.returncode != 0
    assert "SemanticMatte1" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert run(str(shot / "shot.nk")).returncode == 2
