"""The main thread's queue, and what other threads may call: executeInMainThread, ProgressTask, tprint."""

from __future__ import annotations

import queue
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any, Optional

from . import runtime


class MainThread:
    """Calls that wait for the main thread, and the loop that runs them."""

    def __init__(self, host: Any) -> None:
        self.host = host
        self.waiting: queue.Queue[Callable[[], None]] = queue.Queue()

    def pump(self, until: Optional[Callable[[], Any]] = None, seconds: float = 60.0) -> bool:
        """Run what waits until a condition is met; without one, what waits now. Whether it was met in time."""
        runtime.check_thread("pump")
        end = time.monotonic() + seconds
        while True:
            ran = self._run_waiting()
            if until is None and not ran:
                return True
            if until is not None:
                if until():
                    return True
                if time.monotonic() > end:
                    return False
                try:
                    self.waiting.get(timeout=0.005)()
                except queue.Empty:
                    continue

    def _run_waiting(self) -> bool:
        ran = False
        while True:
            try:
                call = self.waiting.get_nowait()
            except queue.Empty:
                return ran
            call()
            ran = True

    def later(self, call: Any, args: Any = (), kwargs: Any = None) -> None:
        """nuke.executeInMainThread."""
        self._refuse_on_main("executeInMainThread")
        self.waiting.put(self._guarded(call, args, kwargs or {}, None))

    def with_result(self, call: Any, args: Any = (), kwargs: Any = None) -> Any:
        """nuke.executeInMainThreadWithResult: waits; what is raised is printed, and None comes back."""
        self._refuse_on_main("executeInMainThreadWithResult")
        result: list[Any] = [None]
        done = threading.Event()
        self.waiting.put(
            self._guarded(call, args, kwargs or {}, lambda value: result.__setitem__(0, value), done)
        )
        while not done.wait(0.05):
            if self.host.ended:
                return None
        return result[0]

    def _refuse_on_main(self, what: str) -> None:
        if threading.get_ident() == self.host.main_thread:
            raise runtime.ThreadError(f"{what} on the main thread would hang Nuke.")
        if not self.host.gui:
            raise runtime.ThreadError(f"{what}: there is no loop on the main thread in terminal mode.")

    def _guarded(self, call: Any, args: Any, kwargs: Any, take: Any, done: Any = None) -> Callable[[], None]:
        if not isinstance(args, tuple):
            args = (args,)

        def run() -> None:
            try:
                value = call(*args, **kwargs)
                if take is not None:
                    take(value)
            except Exception:
                self.host.printed.append(traceback.format_exc())
                self.host.callback_errors.append(f"executeInMainThread: {traceback.format_exc()}")
            finally:
                if done is not None:
                    done.set()

        return run


class ProgressTask:
    """Nuke's progress bar. Any thread may use it; a loop of the main thread may not wait for its Cancel."""

    def __init__(self, *args: Any) -> None:
        host = runtime.running()
        if not args or not all(isinstance(arg, str) for arg in args[:1]):
            raise TypeError("ProgressTask(title): expected a string")
        if host.profile.task_takes_title_alone and len(args) > 1:
            raise TypeError("ProgressTask(title): takes 1 positional argument")
        self._host, self._title, self._message, self._progress = host, args[0], "", 0
        self._cancelled, self._asked_on_main = False, 0
        host.progress_tasks.append(self)

    def setMessage(self, message: str) -> None:
        if not isinstance(message, str):
            raise TypeError(f"setMessage: expected a string, got {type(message).__name__}")
        self._message = message

    def setProgress(self, progress: int) -> None:
        if not isinstance(progress, int):
            raise TypeError(f"setProgress: expected a whole number, got {type(progress).__name__}")
        self._progress = progress

    def isCancelled(self) -> bool:
        if threading.get_ident() == self._host.main_thread and self._host.gui:
            self._asked_on_main += 1
            # Once or twice is a look; a loop would never see the click, which the main thread itself must take.
            if self._asked_on_main > 3:
                raise runtime.ThreadError(
                    "isCancelled was polled in a loop of the main thread: it never sees the click."
                )
        return self._cancelled
