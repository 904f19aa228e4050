"""What differs by Nuke's version or mode, and the small things that every part asks of Nuke."""

from __future__ import annotations

import contextlib
import threading
import traceback
from collections.abc import Iterator
from pathlib import PurePosixPath, PureWindowsPath
from typing import Callable

import nuke

from . import session_log

_PREFIX = "Semantic Matte: "
# How many undo groups of ours are open: inner ones belong to the outermost.
_open_groups = 0
# How many changes of ours to knobs are going on, which are no artist's.
_own_changes = 0


def is_gui() -> bool:
    """Whether there is a window, and so somebody to see a dialog."""
    return bool(nuke.GUI)


def version() -> tuple[int, int]:
    """Nuke's version: (15, 1)."""
    return int(nuke.NUKE_VERSION_MAJOR), int(nuke.NUKE_VERSION_MINOR)


def say(sentence: str) -> None:
    """Tell it without stopping anybody: in the console or Script Editor, and in the log. Any thread may."""
    session_log.add(sentence)
    nuke.tprint(f"{_PREFIX}{sentence}")


def tell(sentence: str) -> None:
    """Answer a click: a dialog where there is a window, else as `say`. On the main thread only."""
    if not is_gui():
        say(sentence)
        return
    session_log.add(sentence)
    nuke.message(sentence)


def ask(sentence: str) -> bool:
    """A question of yes or no. Where nobody can be asked the call itself was the decision: yes."""
    return bool(nuke.ask(sentence)) if is_gui() else True


def in_main_thread(call: Callable[[], object]) -> None:
    """Have the main thread run it soon, without waiting; what it raises is told, with its traceback.

    On the main thread it is run at once: queueing there would hang Nuke.
    """

    def guarded() -> None:
        """Nuke would drop the exception."""
        try:
            call()
        except Exception as reason:
            traceback.print_exc()
            say(f"This is a fault of the plugin ({reason!r}); the lines above say where. Please report it.")

    if threading.current_thread() is threading.main_thread():
        guarded()
    else:
        nuke.executeInMainThread(guarded)


@contextlib.contextmanager
def undo_group(name: str) -> Iterator[None]:
    """One step of undo with this name. Where something is raised inside, all of it is taken back.

    A group inside another one is part of that one.
    """
    global _open_groups
    if _open_groups:
        yield
        return
    undo = nuke.Undo()
    undo.begin()
    _open_groups += 1
    try:
        undo.name(name)
        yield
    except BaseException:
        undo.cancel()
        raise
    else:
        undo.end()
    finally:
        _open_groups -= 1


@contextlib.contextmanager
def own_changes() -> Iterator[None]:
    """Knobs that are set inside are not answered as an artist's: an open panel reports those of code too."""
    global _own_changes
    _own_changes += 1
    try:
        yield
    finally:
        _own_changes -= 1


def are_own_changes() -> bool:
    """Whether it is our code that sets knobs just now."""
    return _own_changes > 0


@contextlib.contextmanager
def without_undo() -> Iterator[None]:
    """What is changed inside makes no step of undo."""
    undo = nuke.Undo()
    undo.disable()
    try:
        yield
    finally:
        undo.enable()


@contextlib.contextmanager
def kept_modified_flag() -> Iterator[None]:
    """Whether the script has unsaved changes is said as before, whatever is done inside."""
    root = nuke.root()
    modified = root.modified()
    try:
        yield
    finally:
        root.setModified(modified)


@contextlib.contextmanager
def kept_state() -> Iterator[None]:
    """Selection, frame, proxy mode and the flag of unsaved changes are put back afterwards."""
    root = nuke.root()
    with kept_modified_flag():
        selected = {
            node.fullName() for node in nuke.allNodes(group=root, recurseGroups=True) if node.isSelected()
        }
        frame, proxy = nuke.frame(), root["proxy"].value()
        try:
            yield
        finally:
            with without_undo():
                for node in nuke.allNodes(group=root, recurseGroups=True):
                    if node.isSelected() != (node.fullName() in selected):
                        node.setSelected(node.fullName() in selected)
                if root["proxy"].value() != proxy:
                    root["proxy"].setValue(proxy)
                if nuke.frame() != frame:
                    nuke.frame(frame)


def script_path() -> str:
    """Path of the script, "" while it was never saved."""
    return str(nuke.root()["name"].value() or "")


def views() -> tuple[str, ...]:
    """Names of the script's views, in their order."""
    return tuple(nuke.views())


def root_frames() -> tuple[int, int]:
    """First and last frame of the script."""
    root = nuke.root()
    return int(root["first_frame"].value()), int(root["last_frame"].value())


def current_frame() -> int:
    """The frame that Nuke stands at."""
    return int(nuke.frame())


def forward(path: str | PurePosixPath | PureWindowsPath) -> str:
    """A path as Nuke wants it in a knob: with forward slashes on every system."""
    return str(path).replace("\\", "/")


class Progress:
    """Nuke's own progress bar, or lines `progress 34% sentence` where there is no window."""

    def __init__(self, title: str) -> None:
        """Show it, empty. Any thread may."""
        # 17.1 takes nothing but the title.
        self._task: nuke.ProgressTask | None = nuke.ProgressTask(title) if is_gui() else None
        self._in_terminal = not is_gui()
        self._last = ("", -1)

    def set(self, fraction: float, sentence: str) -> None:
        """How far it is, 0 to 1, and what is being done."""
        state = (sentence, int(100 * min(max(fraction, 0.0), 1.0)))
        if state == self._last:
            return
        self._last = state
        if self._task is not None:
            self._task.setMessage(sentence)
            self._task.setProgress(state[1])
        elif self._in_terminal:
            print(f"progress {state[1]}% {sentence}", flush=True)

    def cancelled(self) -> bool:
        """Whether the artist pressed its Cancel. A loop of the main thread would never see it."""
        return self._task is not None and bool(self._task.isCancelled())

    def close(self) -> None:
        """Take it away: Nuke does so when nobody holds it any more."""
        self._task = None


def progress(title: str) -> Progress:
    """A new progress bar (see `Progress`)."""
    return Progress(title)
