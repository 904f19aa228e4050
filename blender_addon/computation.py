"""One computation: a node's plates are captured, the engine's worker does the job, the node shows what came.

It moves on in small steps that its owner calls: an operator's timer, or a loop where Blender has no window.
No thread is made, and no pointer into the file is kept between steps, as undo or a deletion may make it void.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bpy

from semantic_matte_client.nodes import result_folders
from semantic_matte_client.nodes.frame_spans import text_of
from semantic_matte_client.nodes.frame_words import STAGE_WORDS, frame_words, in_frames
from semantic_matte_client.nodes.notices import told_notices
from semantic_matte_client.nodes.result_folders import ResultFolderError
from semantic_matte_client.nodes.result_records import (
    Results,
    ResultsError,
    best_frames,
    boxes_of,
    read_results,
)

from . import cache_place, node_groups, preferences, thumbnails, upstream
from .capture import Capture, CaptureError
from .client_package import client
from .compute_plan import Plan, PlanError, made_plan, plate_bytes

# How the work is shared out over the progress bar.
_CAPTURE_SHARE, _JOB_END = 0.1, 0.97
# At the end of a computation that can't be waited for, for the worker's word that its job is cancelled.
_LAST_SECONDS = 1.0
# What nobody looks at after so many frames of a shot.
_MOST_THUMBNAIL_FRAMES = 16

_GONE = "The node was deleted while its mattes were computed, so the job was ended."
_CANCELLED = "Cancelled: the node shows what it showed before, and frames that were done are kept."
_BUG = "This is a bug of the add-on, please report it with the lines in the console: "


class _GoneError(Exception):
    """The node is not there any more."""


class Computation:
    """The mattes of one node. Call `step` until it returns True, then look at `state`, `error`, `notices`.

    scene, tree, node: the scene, its compositor, and the Semantic Matte node in it. extent, frame_range: in
    place of the node's own settings, "" for these. Never raises: whatever is wrong is `error`, a sentence.

    state: capturing, computing, applying, then done, failed or cancelled. sentence: what is being done, for a
    person. fraction: of all, 0 to 1, never falls. notices: what there is to say besides. results: what the node
    shows now, after `done`.
    """

    def __init__(
        self,
        context: bpy.types.Context,
        scene: bpy.types.Scene,
        tree: bpy.types.NodeTree,
        node: bpy.types.Node,
        extent: str = "",
        frame_range: str = "",
    ) -> None:
        self.state = "capturing"
        self.fraction = 0.0
        self.sentence = "Looking at the plate"
        self.error = ""
        self.notices: list[str] = []
        self.results: Results | None = None
        self.title = node.name
        self._scene = scene.session_uid
        self._node = node.name
        self._cancel_asked = False
        self._job: Any = None
        self._capture: Capture | None = None
        self._folder: Path | None = None
        self._plan: Plan | None = None
        self._course: Iterator[None] = iter(())
        self.identity = node_groups.settings_of(node).identity
        self._attempt(lambda: self._prepare(scene, tree, node, extent, frame_range))

    @property
    def ended(self) -> bool:
        """Whether nothing comes any more."""
        return self.state in ("done", "failed", "cancelled")

    def step(self) -> bool:
        """Move on by at most one frame's capture or some milliseconds. True once it has ended, however."""
        if not self.ended:
            self._attempt(self._advance)
        return self.ended

    def cancel(self) -> None:
        """Ask for its end: `step` says so within half a second. What the node shows stays."""
        if self.ended or self._cancel_asked:
            return
        self._cancel_asked = True
        self.sentence = "Cancelling"
        if self._job is not None:
            self._job.cancel()

    def end_now(self, sentence: str) -> None:
        """End it at once because its file, its window or the add-on goes; waits a second at most."""
        if self.ended:
            return
        if self._job is not None:
            self._job.cancel()
            until = time.monotonic() + _LAST_SECONDS
            while not self._job.poll() and time.monotonic() < until:
                time.sleep(0.01)
        self._end("cancelled", sentence)

    def _attempt(self, work: Callable[[], None]) -> None:
        """Do a part of the work; what goes wrong ends the computation."""
        try:
            work()
        except _GoneError:
            self._end("failed", _GONE)
        except (PlanError, CaptureError, ResultFolderError, ResultsError, ImportError) as reason:
            self._end("failed", str(reason))
        except Exception as reason:
            if _is_client_error(reason):
                self._end("failed", in_frames(str(reason), self._plan.offset if self._plan else 0))
                return
            traceback.print_exc()
            self._end("failed", f"{_BUG}{type(reason).__name__}: {reason}")

    def _prepare(
        self,
        scene: bpy.types.Scene,
        tree: bpy.types.NodeTree,
        node: bpy.types.Node,
        extent: str,
        frame_range: str,
    ) -> None:
        """Check and settle all that can be before the first frame is captured."""
        # Refused before anything of the file is changed.
        refusal = upstream.refusal(scene, tree, node)
        if refusal:
            raise PlanError(refusal)
        client()
        if node_groups.own_group(node):
            self.identity = node_groups.settings_of(node).identity
            self.notices.append(f"'{node.name}' shared its group with another node and has one of its own now.")
        settings = node_groups.settings_of(node)
        settings.last_error = settings.last_notices = ""
        self._plan = made_plan(scene, tree, node, extent, frame_range)
        self._cache, notice = cache_place.cache_folder()
        self.notices += [notice] * bool(notice)
        self._folder = result_folders.new_capture_folder(self._cache, self.identity, cache_place.WHERE)
        self._capture = Capture(scene, tree, node, self._plan.frames, self._folder, self._plan.offset)
        self._course = self._work(self._plan, self._capture)

    def _advance(self) -> None:
        """Take the next part of the course."""
        # The job is heard to its end, as its files are written until then.
        if self._cancel_asked and self._job is None:
            self._end("cancelled", _CANCELLED)
            return
        if self.state != "computing" and bpy.app.is_job_running("RENDER"):
            self.sentence = "Waiting for the render to end"
            return
        if next(self._course, self) is self:
            self._end("done", "")

    def _work(self, plan: Plan, capture: Capture) -> Iterator[None]:
        """The whole course; pauses wherever a step ends."""
        done = False
        while not done:
            self.sentence = f"Capturing {frame_words(plan.frames[capture.done], capture.done, capture.total)}"
            self.fraction = _CAPTURE_SHARE * capture.done / capture.total
            yield
            scene = self._find()[0]
            result_folders.check_space(self._folder, plate_bytes(scene), cache_place.WHERE)
            done = capture.step()
        self.notices += [notice for notice in capture.notices if notice not in self.notices]
        self.fraction = _CAPTURE_SHARE
        yield
        hints = [capture.hint] if capture.hint else []
        name = result_folders.job_name(plan.settings, [*capture.plates, *hints])
        out = result_folders.job_folder(self._cache, self.identity, name)
        yield from self._compute(plan, capture, out)
        yield from self._apply(plan, capture, out)

    def _compute(self, plan: Plan, capture: Capture, out: Path) -> Iterator[None]:
        """Have the worker do the job."""
        self.state, self.sentence = "computing", "Reaching the worker"
        plates = capture.plates[0] if plan.is_still else capture.plates[0].parent / "plate.####.exr"
        job = self._job = client().start(
            "matte",
            plates,
            out,
            hint=capture.hint,
            colour_space=capture.colour_space,
            frames=None if plan.is_still else text_of(frame + plan.offset for frame in plan.frames),
            python=preferences.chosen().python,
            **plan.settings,
        )
        while not job.poll():
            self._show_progress(plan)
            yield
            if not self._cancel_asked:
                self._find()
        self._job = None
        told = told_notices(job.notices, plan.offset)
        self.notices += [notice for notice in told if notice not in self.notices]
        if job.state == "cancelled" and self._cancel_asked:
            self._end("cancelled", _CANCELLED)
            yield
        # Raises what the job failed of.
        _ = job.result

    def _apply(self, plan: Plan, capture: Capture, out: Path) -> Iterator[None]:
        """Read what was written and have the node show it."""
        self.state, self.sentence, self.fraction = "applying", "Reading the results", _JOB_END
        results = read_results(out, "plate", plan.frames, plan.offset, plan.hold)
        yield
        for frame, slots in list(best_frames(results).items())[:_MOST_THUMBNAIL_FRAMES]:
            boxes = {slot: box for slot, box in boxes_of(results, frame).items() if slot in slots}
            thumbnails.make(results, capture.plates[plan.frames.index(frame)], boxes)
            yield
        scene, _tree, node = self._find()
        try:
            node_groups.apply_results(node.node_tree, results)
        except RuntimeError as reason:
            raise ResultsError(str(reason)) from None
        settings = node_groups.settings_of(node)
        settings.results_scene = scene.name
        settings.results_fingerprint = json.dumps(plan.description, sort_keys=True)
        self.results = results

    def _show_progress(self, plan: Plan) -> None:
        """Tell how far the worker is, in the scene's frames."""
        progress = self._job.progress
        if self._cancel_asked:
            return
        self.sentence = STAGE_WORDS.get(progress.stage) or in_frames(progress.sentence(), plan.offset)
        share = _JOB_END - _CAPTURE_SHARE
        self.fraction = max(self.fraction, _CAPTURE_SHARE + share * progress.fraction)

    def _find(self) -> tuple[bpy.types.Scene, bpy.types.NodeTree, bpy.types.Node]:
        """The node, wherever it is now. Raises _GoneError."""
        ours = [
            row
            for row in node_groups.all_nodes()
            if row[0].session_uid == self._scene and node_groups.settings_of(row[2]).identity == self.identity
        ]
        if not ours:
            raise _GoneError
        return next((row for row in ours if row[2].name == self._node), ours[0])

    def _end(self, state: str, sentence: str) -> None:
        """End it: what was captured is removed, the worker's job is cancelled, the node is told why."""
        if self.ended:
            return
        if self._job is not None:
            self._job.cancel()
            self._job = None
        self.state, self.sentence = state, sentence or "Done"
        self.error = sentence if state == "failed" else ""
        if state == "done":
            self.fraction = 1.0
        if self._capture is not None:
            self._capture.close()
        if self._folder is not None:
            result_folders.remove_capture(self._folder)
        # The node, the file or the add-on's properties may be gone, or belong to another file.
        with contextlib.suppress(_GoneError, AttributeError, ReferenceError):
            group = self._find()[2].node_tree
            if group.library is not None:
                raise _GoneError
            settings = group.semantic_matte
            settings.last_error = self.error
            settings.last_notices = "\n".join(self.notices)
        if self.error and bpy.app.background:
            print(f"Semantic Matte: {self.title}: {self.error}", file=sys.stderr)


def _is_client_error(reason: Exception) -> bool:
    """Whether it is one that the client raises on purpose, whose text is a sentence."""
    try:
        return isinstance(reason, client().ClientError)
    except ImportError:
        return False
