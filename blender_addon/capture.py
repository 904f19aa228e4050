"""Capture: the pixels that flow into a node, frame by frame, as files for the engine.

Nothing that Blender shows holds them: the Viewer's picture is blank without a window, and a File Output writes
elsewhere what was moved. So a copy of the scene is rendered that shows the socket alone (`capture_scene`). Only
what lies within the render frame is captured.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import bpy

from semantic_matte_client.nodes import frame_spans

from . import compat
from .capture_scene import copy_of, render_to, set_up
from .colour_configuration import SCENE_LINEAR, scene_linear_of
from .node_groups import hint_input, plate_input
from .upstream_nodes import source_of

_ONE_VIEW = "The render has several views: the plate is what the active camera sees, and not one a view."
_running = False


class CaptureError(RuntimeError):
    """What flows into a node can't be captured; the message is a sentence for the artist."""


def is_capturing() -> bool:
    """Whether a capture is being rendered just now: render handlers have nothing to do with it."""
    return _running


class Capture:
    """The plates of some frames of a node, and the hint of the first, written one frame a step.

    scene, tree, node: the scene that is rendered, its compositor, and the Semantic Matte node in it. frames:
    scene frames, in the order of capture. folder: where `plate.<number>.exr` and `hint.<number>.exr` are
    written; made if it isn't there. offset: a file's number less its scene frame. No pointer into the file is
    kept from step to step, as undo or a deletion may make it void.

    plates: the files so far. hint: the hint's file, None if its socket is unlinked. notices: sentences on what
    is captured otherwise than it is rendered. colour_space: of the plates, as the engine calls it. seconds:
    what was spent, by part. Raises CaptureError where the folder can't be made.
    """

    def __init__(
        self,
        scene: bpy.types.Scene,
        tree: bpy.types.NodeTree,
        node: bpy.types.Node,
        frames: Sequence[int],
        folder: Path | str,
        offset: int = 0,
    ) -> None:
        self._scene = scene.session_uid
        self._group = node.node_tree.session_uid
        self._node = node.name
        self._frames = tuple(frames)
        self._folder = Path(folder)
        self._offset = offset
        self.plates: list[Path] = []
        self.hint: Path | None = None
        self.seconds: Counter[str] = Counter()
        self.colour_space = colour_space()
        self.notices = [_ONE_VIEW] * scene.render.use_multiview
        self._written: list[Path] = []
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CaptureError(_cannot_write(self._folder, error)) from None

    @property
    def done(self) -> int:
        """How many frames are captured."""
        return len(self.plates)

    @property
    def total(self) -> int:
        """How many frames there are to capture."""
        return len(self._frames)

    def step(self) -> bool:
        """Capture the next frame; True when all are done. Raises CaptureError, also if the node is gone."""
        if self.done < self.total:
            self._capture(self._frames[self.done])
        return self.done >= self.total

    def close(self) -> None:
        """Remove what was written, and the folder if that empties it. Never raises; may be called twice."""
        for path in self._written:
            try:
                path.unlink(missing_ok=True)
            except OSError:
                continue
        self.plates, self.hint, self._written = [], None, []
        try:
            self._folder.rmdir()
        except OSError:
            return

    def _capture(self, frame: int) -> None:
        """Write one frame's plate, and its hint if it is the first."""
        global _running
        if bpy.app.is_job_running("RENDER"):
            raise CaptureError("A render is running: compute when it has ended.")
        scene, node = self._found()
        plate, hint = (source_of(socket) for socket in (plate_input(node), hint_input(node)))
        if plate is None:
            raise CaptureError(f"Nothing flows into the Image input of '{node.name}': connect a picture.")
        number = frame + self._offset
        wanted = [(plate, "plate")] + [(hint, "hint")] * (hint is not None and self.done == 0)
        places = [
            (one.node.name, one.identifier, self._folder / frame_spans.file_name(stem, number))
            for one, stem in wanted
        ]
        start = time.perf_counter()
        _running = True
        try:
            with copy_of(scene, compat.scene_tree(scene), [one for one, _ in wanted]) as copy:
                set_up(copy, frame)
                start = self._spent("scene copy", start)
                for name, socket, path in places:
                    self._written.append(path)
                    copy.show(name, socket)
                    render_to(copy, path)
                start = self._spent("render and write", start)
        except RuntimeError as error:
            raise CaptureError(_cannot_render(frame, error)) from error
        except OSError as error:
            raise CaptureError(_cannot_write(self._folder, error)) from error
        finally:
            _running = False
        self._spent("removal", start)
        self.plates.append(places[0][2])
        if len(places) > 1:
            self.hint = places[1][2]

    def _found(self) -> tuple[bpy.types.Scene, bpy.types.Node]:
        """The scene and the node, wherever they are now. Raises CaptureError if one is gone."""
        scene = next((one for one in bpy.data.scenes if one.session_uid == self._scene), None)
        if scene is None:
            raise CaptureError("The scene was deleted while it was captured: nothing was computed.")
        tree = compat.scene_tree(scene)
        nodes = [
            node
            for node in (tree.nodes if tree else ())
            if getattr(node, "node_tree", None) is not None and node.node_tree.session_uid == self._group
        ]
        if not nodes:
            raise CaptureError("The node was deleted while it was captured: nothing was computed.")
        return scene, next((node for node in nodes if node.name == self._node), nodes[0])

    def _spent(self, part: str, start: float) -> float:
        """Count what a part took since `start`; returns the time now."""
        now = time.perf_counter()
        self.seconds[part] += now - start
        return now


def colour_space() -> str:
    """What the engine calls the space of captured plates: Blender's scene-linear space.

    It is Rec.709 unless the configuration of $OCIO or the file's working space (5.0 and later) says else. The
    engine knows their names, or looks them up in $OCIO.
    """
    named = scene_linear_of(os.environ.get("OCIO", "")) or compat.working_space()
    return SCENE_LINEAR if named in (None, "Linear Rec.709") else named


def _cannot_render(frame: int, error: Exception) -> str:
    """The sentence for a frame that Blender did not render."""
    words = " ".join(str(error).removeprefix("Error:").split()).rstrip(".")
    return f"Blender could not render frame {frame} of what flows into the node: {words}."


def _cannot_write(folder: Path, error: OSError) -> str:
    """The sentence for a folder that does not take files."""
    reason = error.strerror or str(error)
    return (
        f"The plates can't be written to '{folder}': {reason}. Choose another cache folder in the preferences."
    )
