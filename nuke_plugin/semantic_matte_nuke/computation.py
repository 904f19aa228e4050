"""One computation: a node's plates are captured, the engine's worker does the jobs, the node shows what came.

In the window the jobs are done by a thread, which touches Nuke only through its progress bar and by asking the
main thread to go on; in a terminal everything is done in turn.
"""

from __future__ import annotations

import functools
import json
import threading
import time
import traceback
from pathlib import Path
from typing import Any, Callable, List, Optional, Tuple

import nuke
from semantic_matte_client.nodes import result_folders
from semantic_matte_client.nodes.frame_words import in_frames
from semantic_matte_client.nodes.notices import told_notices

from . import (
    capture,
    finished_results,
    host,
    node_finding,
    node_knobs,
    node_results,
    running,
    session_log,
    source_record,
    view_jobs,
)
from . import computation_words as words
from .cache_place import WHERE
from .computation_words import ComputationError
from .compute_plan import Frames, Plan, Views, made_plan
from .job_thread import CANCELLED, DONE, FAILED, JobThread, NamedJob, Outcome, run_jobs
from .stored_values import ShownResults, StoredValueError

# How the work is shared out over the progress bar.
_CAPTURE_SHARE, _JOB_END = 0.1, 0.97


class Computation:
    """The mattes of one node; made by `start` and `run`.

    state: capturing, computing, applying, then done, failed or cancelled. sentence: what is being done, or why
    there are no mattes. fraction: of all, 0 to 1. notices: what there is to say besides. results: what the node
    shows now, after done. plan: what is done, once it is settled. exit_code: as of
    ComputationError. seconds: what was spent, by part.
    """

    def __init__(self, node: nuke.Group, by_click: bool = False, progress: Any = None) -> None:
        """Nothing is begun yet. progress: in place of Nuke's own (see `host.Progress`)."""
        self.state = "capturing"
        self.sentence = "Looking at the plate"
        self.fraction = 0.0
        self.notices: List[str] = []
        self.results: Optional[ShownResults] = None
        self.plan: Optional[Plan] = None
        self.seconds: dict[str, float] = {}
        self.identity = node_finding.identity(node)
        self.title = str(node.name())
        self._script = running.script_number()
        self._by_click = by_click
        self._progress = progress
        self._own_progress = progress is not None
        self._stop = threading.Event()
        self._thread: Optional[JobThread] = None
        self._folder: Optional[Path] = None
        self.exit_code = 1

    @property
    def ended(self) -> bool:
        """Whether nothing comes any more."""
        return self.state in (DONE, FAILED, CANCELLED)

    @property
    def error(self) -> str:
        """Why it failed, "" if it did not."""
        return self.sentence if self.state == FAILED else ""

    def cancel(self) -> None:
        """Ask for its end, which comes within a second. What the node shows stays."""
        if not self.ended:
            self.sentence = "Cancelling"
            self._stop.set()

    def wait(self, seconds: Optional[float] = None) -> Optional[ShownResults]:
        """Wait for the end, and return what the node shows; None where that takes longer than `seconds`.

        Raises ComputationError if there is nothing to show, and where waiting would stop Nuke's window.
        """
        if not self.ended and host.is_gui() and threading.current_thread() is threading.main_thread():
            raise ComputationError(words.WAITING, exit_code=2)
        until = None if seconds is None else time.monotonic() + seconds
        while not self.ended:
            if until is not None and time.monotonic() > until:
                return None
            time.sleep(0.02)
        if self.state != DONE:
            raise ComputationError(self.sentence, self.exit_code)
        return self.results

    def end(self, sentence: str) -> None:
        """End it at once for a reason from outside; nothing of it is applied. On the main thread."""
        if self.ended:
            return
        self._stop.set()
        self._end(CANCELLED, sentence)

    def __repr__(self) -> str:
        return f"<Computation {self.title}: {self.state}, {self.fraction:.0%}, {self.sentence}>"

    def prepare(
        self, node: nuke.Group, frames: Optional[Frames], views: Optional[Views]
    ) -> Tuple[NamedJob, ...]:
        """Settle what is to be done and capture the plates: the jobs to do; none where it has ended already.

        Never raises for what is wrong with the call, the script or the disk: then it has failed.
        """
        jobs: List[NamedJob] = []
        self._attempt(lambda: jobs.extend(self._captured_jobs(node, frames, views)))
        return () if self.ended else tuple(jobs)

    def begin(self, jobs: Tuple[NamedJob, ...]) -> None:
        """Have a thread do the jobs; the main thread is asked to apply what came."""
        self._thread = JobThread(jobs, self._report_job, self._heard)
        self._thread.start()

    def work(self, jobs: Tuple[NamedJob, ...]) -> None:
        """Do the jobs here and now, and apply what came. Ctrl-C is raised once nothing is left of it."""
        try:
            outcome = run_jobs(jobs, self._report_job)
        except BaseException:
            self._end(CANCELLED, words.CANCELLED)
            raise
        self.finish(outcome)

    def finish(self, outcome: Outcome) -> None:
        """Apply what came of the jobs, or say why nothing did. On the main thread."""
        if self.ended or self.plan is None:
            return
        offset = self.plan.offset
        self._add_notices(told_notices(outcome.notices, offset))
        if outcome.fault:
            self._end(FAILED, f"{words.FAULT}{outcome.sentence}")
        elif outcome.state == FAILED:
            self.exit_code = outcome.exit_code
            self._end(FAILED, in_frames(outcome.sentence, offset))
        elif outcome.state == CANCELLED or self._stop.is_set():
            self._end(CANCELLED, words.CANCELLED)
        else:
            self._attempt(functools.partial(self._apply, self.plan))

    def _captured_jobs(
        self, node: nuke.Group, frames: Optional[Frames], views: Optional[Views]
    ) -> Tuple[NamedJob, ...]:
        """The course until the worker is needed."""
        plan = made_plan(node, frames, views)
        self.plan = plan
        running.note(self)
        self._add_notices(plan.notices)
        # What the node shows already is generated to have it checked: the engine compares the plates' pixels.
        there = None if _shows(node, plan) else finished_results.shown_if_there(*_place_of(plan))
        if there is not None:
            self._add_notices([words.FOUND])
            self._apply(plan, there)
            return ()
        node_knobs.set_status(node, f"Generating {self._frame_text(plan)} ...")
        if self._progress is None:
            self._progress = host.progress(f"Semantic Matte: {self.title}")
        self._folder = result_folders.new_capture_folder(plan.cache, plan.identity, WHERE)
        captured = capture.capture(node, plan, self._folder, self._report_capture)
        self.seconds.update(captured.seconds)
        self.state, self.sentence = "computing", "Reaching the worker"
        return view_jobs.jobs_of(plan, captured)

    def _report_capture(self, fraction: float, sentence: str) -> bool:
        """Tell how far the capture is; Nuke's own bar of the render has the Cancel that it hears of."""
        self._show(_CAPTURE_SHARE * fraction, sentence)
        return not self._stop.is_set()

    def _report_job(self, fraction: float, sentence: str) -> bool:
        """Tell how far the jobs are; in the thread, where there is one."""
        told = in_frames(sentence, self.plan.offset if self.plan else 0)
        self._show(_CAPTURE_SHARE + (_JOB_END - _CAPTURE_SHARE) * fraction, told)
        # Not asked on the main thread, which could not see the click.
        if self._thread is not None and self._progress.cancelled():
            self._stop.set()
        return not self._stop.is_set()

    def _show(self, fraction: float, sentence: str) -> None:
        """Keep what is being done, and show it."""
        self.fraction = max(self.fraction, fraction)
        if not self.ended and not self._stop.is_set():
            self.sentence = sentence
            self._progress.set(self.fraction, sentence)

    def _heard(self, outcome: Outcome) -> None:
        """The thread's last words."""
        self._clean()
        host.in_main_thread(functools.partial(self.finish, outcome))

    def _apply(self, plan: Plan, finished: Optional[finished_results.Finished] = None) -> None:
        """Have the node show what is in the job's folder. finished: that, where it was read already."""
        self.state, self.sentence = "applying", "Reading the results"
        start = time.perf_counter()
        shown, notices = finished or finished_results.read_shown(*_place_of(plan))
        self._add_notices(notices)
        node = self._found()
        if node is None:
            self._end(CANCELLED, words.GONE)
            return
        stored = json.loads(shown.as_json())
        source_record.write(plan.folder, plan.description, plan.frames, stored)
        node_results.apply_results(node, shown, f"Semantic Matte: mattes of {self._frame_text(plan)}")
        self.seconds["apply"] = time.perf_counter() - start
        self.results = shown
        self.fraction = 1.0
        self._end(DONE, "\n".join([shown.words, *self.notices]))

    def _found(self) -> Optional[nuke.Group]:
        """The node, wherever it is and whatever it is called now; None if it, or its script, has gone."""
        if running.script_number() != self._script:
            return None
        return node_finding.by_identity(self.identity)

    def _attempt(self, work: Callable[[], object]) -> None:
        """Do a part of the work on the main thread; what goes wrong ends the computation."""
        try:
            work()
        except capture.CaptureCancelledError:
            self._end(CANCELLED, words.CANCELLED)
        except Exception as reason:
            self.exit_code = int(getattr(reason, "exit_code", 1))
            if words.is_sentence(reason):
                self._end(FAILED, str(reason))
                return
            traceback.print_exc()
            self._end(FAILED, f"{words.FAULT}{type(reason).__name__}: {reason}")
        except BaseException:
            self._end(CANCELLED, words.CANCELLED)
            raise

    def _end(self, state: str, sentence: str) -> None:
        """End it: the node and the artist are told, what was captured is removed once nobody reads it."""
        if self.ended:
            return
        running.forget(self)
        self.state, self.sentence = state, sentence
        if state == CANCELLED:
            self.exit_code = 130
        if self._thread is None:
            self._clean()
        node = self._found()
        if node is not None and (self.plan is not None or state == FAILED):
            node_knobs.set_status(node, sentence)
        self._tell(state, sentence)

    def _tell(self, state: str, sentence: str) -> None:
        """Say how it ended: a dialog where a click began what fails later, else in the console."""
        # Who shows progress otherwise shows these too: the lines of JSON are alone on their way.
        say = session_log.add if self._own_progress else host.say
        for notice in self.notices:
            say(f"{self.title}: {notice}")
        if state == FAILED and self._thread is not None and self._by_click:
            host.tell(sentence)
        elif state != DONE and (self._thread is not None or state == CANCELLED):
            say(f"{self.title}: {sentence}")

    def _clean(self) -> None:
        """Remove what was captured, and the progress bar."""
        if self._folder is not None:
            result_folders.remove_capture(self._folder)
            self._folder = None
        if self._progress is not None:
            self._progress.close()

    def _add_notices(self, notices: Any) -> None:
        """Add what was not said yet."""
        self.notices += [notice for notice in dict.fromkeys(notices) if notice not in self.notices]

    @staticmethod
    def _frame_text(plan: Plan) -> str:
        """The frames for a person: `1001-1050`, or `1001, held`."""
        from semantic_matte_client.nodes.frame_spans import text_of

        return text_of(plan.frames) + (", held" if plan.hold else "")


def _place_of(plan: Plan) -> Tuple[Path, Tuple[str, ...], Tuple[int, ...], int, bool]:
    """What of a plan says where its results lie, for `finished_results`."""
    return plan.folder, plan.views, plan.frames, plan.offset, plan.hold


def start(
    node: nuke.Group, frames: Optional[Frames] = None, views: Optional[Views] = None, by_click: bool = False
) -> Computation:
    """Begin a node's mattes: plates are captured now, the rest goes on by itself while the window is used.

    frames, views: in place of the node's own. by_click: what goes wrong later is told in a dialog. Where there
    is no window it is all done on return. Raises ComputationError for what is wrong at once.
    """
    if not host.is_gui():
        return run(node, frames, views)
    computation = Computation(node, by_click)
    jobs = computation.prepare(node, frames, views)
    if computation.state == FAILED:
        raise ComputationError(computation.sentence, computation.exit_code)
    if jobs:
        computation.begin(jobs)
    return computation


def run(
    node: nuke.Group, frames: Optional[Frames] = None, views: Optional[Views] = None, progress: Any = None
) -> Computation:
    """Make a node's mattes, and come back when it shows them: `.results`.

    progress: in place of the lines in the terminal (see `host.Progress`). Raises ComputationError where there
    are none, and KeyboardInterrupt on Ctrl-C.
    """
    computation = Computation(node, progress=progress)
    jobs = computation.prepare(node, frames, views)
    if jobs:
        computation.work(jobs)
    if computation.state != DONE:
        raise ComputationError(computation.sentence, computation.exit_code)
    return computation


def _shows(node: nuke.Group, plan: Plan) -> bool:
    """Whether the node shows the result of this very plan."""
    try:
        shown = node_results.shown_results(node)
    except StoredValueError:
        return False
    return shown is not None and shown.folder == host.forward(str(plan.folder))
