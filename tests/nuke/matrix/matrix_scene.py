"""The scene of a row of the failure matrix: an artist's script, and what is looked at before and after."""

from __future__ import annotations

import difflib
import json
import re
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy
import OpenEXR

ROOT = Path(__file__).parent.parent.parent.parent
PLUGIN = ROOT / "nuke_plugin"
PHOTO = ROOT / "tests" / "data" / "photos" / "astronaut.png"
SIZE = 96
FRAMES = (1001, 1002, 1003)
NAME = "SemanticMatte1"
# The status is what is to change; nothing else of the script may.
STATUS = re.compile(r"^ *(?:addUserKnob \{26 status .*|status .*)\n", re.MULTILINE)


def linear_photo(size: int) -> Any:
    picture = cv2.resize(cv2.imread(str(PHOTO)), (size, size), interpolation=cv2.INTER_AREA)[:, :, ::-1] / 255.0
    low = picture <= 0.04045
    return numpy.where(low, picture / 12.92, ((picture + 0.055) / 1.055) ** 2.4).astype(numpy.float32)


def write_plates(folder: Path, size: int = SIZE, change: Callable[[Any], Any] = lambda pixels: pixels) -> str:
    """Plates of the photo, each a little brighter; their pattern."""
    folder.mkdir(parents=True, exist_ok=True)
    photo = linear_photo(size)
    for number, frame in enumerate(FRAMES):
        pixels = change(photo * (1.0 + 0.02 * number)).astype(numpy.float16)
        channels = {name: numpy.ascontiguousarray(pixels[:, :, index]) for index, name in enumerate("RGB")}
        top = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
        OpenEXR.File(top, channels).write(str(folder / f"plate.{frame}.exr"))
    return f"{folder.as_posix()}/plate.%04d.exr"


def made_read(nuke: Any, pattern: str) -> Any:
    read = nuke.nodes.Read()
    read["file"].setValue(pattern)
    read["raw"].setValue(True)
    for knob, value in (("first", 1001), ("last", 1003), ("origfirst", 1001), ("origlast", 1003)):
        read[knob].setValue(value)
    return read


def generated_script(folder: Path) -> Path:
    """A script with a Read, a node of ours that shows mattes of frame 1001, and a Write; saved."""
    from fake_nuke import FakeNuke

    pattern = write_plates(folder / "plates")
    with FakeNuke(gui=False) as host:
        host.start(PLUGIN)
        nuke = host.nuke
        nuke.root()["first_frame"].setValue(1001)
        nuke.root()["last_frame"].setValue(1003)
        path = folder / "shot.nk"
        host.save(path)
        import semantic_matte_nuke as sm

        node = sm.create(made_read(nuke, pattern))
        node.setName(NAME)
        node["find"].setValue("person:largest")
        for knob, value in (("passes", 1), ("samples", 1)):
            node[knob].setValue(value)
        node["hold"].setValue("off")
        sm.generate(node, 1001)
        write = nuke.nodes.Write()
        write.setName("Out")
        write.setInput(0, node)
        write["channels"].setValue("all")
        write["file"].setValue(f"{folder.as_posix()}/out.%04d.exr")
        write["file_type"].setValue("exr")
        write["raw"].setValue(True)
        nuke.frame(1002)
        host.save(path)
        assert host.callback_errors == []
    return path


@dataclass
class State:
    """What an artist would miss if it changed."""

    text: str
    selected: list[str]
    frame: int
    proxy: bool
    modified: bool
    steps: list[str]
    shown: str
    views: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Row:
    """One row. provoke: does it, and returns what the artist was told. sentence: a pattern that it must have.

    after: "same" - the script is as it was, but for the status; "shown" - it shows a new result, a step of undo
    more; "else" - the row itself has looked.
    """

    name: str
    provoke: Callable[[Scene], str]
    sentence: str
    after: str = "same"


class Scene:
    """A Nuke with an artist's script, of which some things may never be lost."""

    def __init__(self, host: Any, path: Path, place: Any) -> None:
        self.host, self.path, self.place = host, path, place
        self.nuke = host.nuke
        self.undo_after_leaving: list[Callable[[], object]] = []

    @classmethod
    def opened(cls, host: Any, path: Path, place: Any) -> Scene:
        """Open the script; something is selected, and a frame is chosen that nothing was generated for."""
        scene = cls(host, path, place)
        host.open(path)
        # The artist has the node's panel open.
        host.show_panel(scene.node._core)
        scene.write.setSelected(True)
        scene.nuke.root().setModified(False)
        return scene

    @property
    def folder(self) -> Path:
        return self.path.parent

    @property
    def node(self) -> Any:
        return self.nuke.toNode(NAME)

    @property
    def read(self) -> Any:
        return next(node for node in self.nuke.allNodes("Read"))

    @property
    def write(self) -> Any:
        return self.nuke.toNode("Out")

    def part(self, name: str) -> Any:
        """A module of the plugin."""
        import importlib

        return importlib.import_module(f"semantic_matte_nuke.{name}")

    def state(self) -> State:
        host = self.host
        shown = self.node["semantic_matte_results"].value() if self.node is not None else ""
        return State(
            STATUS.sub("", host.script_text()),
            sorted(node.fullName() for node in self.nuke.allNodes(recurseGroups=True) if node.isSelected()),
            self.nuke.frame(),
            bool(self.nuke.root()["proxy"].value()),
            bool(self.nuke.modified()),
            [step.name for step in host.changes.done],
            shown,
            list(self.nuke.views()),
        )

    def is_as(self, before: State) -> None:
        """Fail, with what differs line by line, if the script is not as it was."""
        after = self.state()
        lines = difflib.unified_diff(before.text.splitlines(), after.text.splitlines(), lineterm="", n=0)
        assert "\n".join(lines) == ""
        assert after == before

    # What an artist does

    def set(self, **knobs: Any) -> None:
        """Set knobs of the node."""
        for name, value in knobs.items():
            self.node[name].setValue(value)

    def click(self, button: str = "generate_frame", node: Any = None) -> Any:
        """Press a button; the computation that runs then, None where there is none."""
        node = node or self.node
        before = len(self.host.messages)
        self.host.click(node, button)
        self.told = self.host.messages[before:]
        return self.part("running").current(node["semantic_matte_identity"].value())

    def until_ended(self, computation: Any, seconds: float = 120) -> str:
        """Let the main thread run until it is done; the last that was said of it."""
        assert self.host.pump(lambda: computation.ended, seconds), computation
        self.host.pump(lambda: False, 0.05)
        return str(computation.sentence)

    def generate(self, button: str = "generate_frame") -> str:
        """Press the button, and wait; what the artist reads at the end."""
        computation = self.click(button)
        if computation is None:
            return self.told[-1] if self.told else str(self.node["status"].value())
        said = self.until_ended(computation)
        return f"{computation.state}: {said}"

    def until(self, computation: Any, what: Callable[[], object], seconds: float = 90) -> None:
        """Let the main thread run until something is so; fails if the computation ends before."""
        assert self.host.pump(lambda: what() or computation.ended, seconds)
        assert not computation.ended, computation

    def until_matting(self, computation: Any) -> None:
        """Wait until the engine is at work on a picture: captures are a tenth of all."""
        self.until(computation, lambda: computation.fraction > 0.12)

    def render(self, frame: int = 1001, **knobs: Any) -> str:
        """The Render button; what the render says, "rendered" if it says nothing."""
        try:
            self.host.render(self.write, frame, frame)
        except RuntimeError as reason:
            return str(reason)
        return "rendered"

    # What is looked at

    def client(self) -> Any:
        from semantic_matte_client.client import Client

        # The node leaves the device to the engine: this is the worker that it meets.
        return Client(python=sys.executable, runtime=self.place.runtime, device="auto")

    def jobs(self) -> list[dict[str, Any]]:
        """What the worker has to do; nothing where none runs."""
        with self.client() as client:
            status = client.status()
        return list(status["jobs"]) if status else []

    def leftovers(self) -> dict[str, object]:
        """What may not be left of a computation: nodes, captured plates, threads, jobs."""
        inside = [node.fullName() for node in self.nuke.allNodes(recurseGroups=True)]
        threads = [one.name for one in threading.enumerate() if one.name.startswith("semantic_matte_job")]
        running = sys.modules.get("semantic_matte_nuke.running")
        return {
            "nodes": [name for name in inside if "SM_Capture" in name],
            "plates": [str(path) for path in self.folder.rglob("capture_*")],
            "threads": threads,
            "running": running.all_running() if running else [],
            "jobs": self.jobs(),
        }

    def nothing_is_left(self) -> None:
        """Wait a little: a job that is cancelled ends between two patches."""
        until = time.monotonic() + 30
        while any(self.leftovers().values()) and time.monotonic() < until:
            self.host.pump(lambda: False, 0.05)
        assert {name: left for name, left in self.leftovers().items() if left} == {}

    def check(self, row: Row) -> None:
        """Carry a row out, and look at everything."""
        before = self.state()
        said = row.provoke(self)
        assert re.search(row.sentence, said, re.DOTALL), said
        assert "Traceback" not in said
        self.nothing_is_left()
        if row.after == "same":
            self.is_as(before)
        elif row.after == "shown":
            self.shows_a_new_result(before)

    def shows_a_new_result(self, before: State) -> None:
        """One named step of undo more, which brings back what was."""
        after = self.state()
        assert (after.selected, after.frame, after.proxy) == (before.selected, before.frame, before.proxy)
        assert after.shown != before.shown
        assert len(after.steps) == len(before.steps) + 1
        assert after.steps[-1].startswith("Semantic Matte: mattes of")
        results = json.loads(after.shown)
        assert results["slots"]
        self.host.undo()
        assert self.state().shown == before.shown
        self.host.redo()
        assert self.state().shown == after.shown

    def leave(self) -> None:
        """Put back what a row has changed outside of the script."""
        for undo in reversed(self.undo_after_leaving):
            undo()
