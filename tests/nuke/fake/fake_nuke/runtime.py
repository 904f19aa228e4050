"""Which host is running, and what holds for every call into it: its thread, and that what is used lives."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")
_hosts: list[Any] = []


class ThreadError(RuntimeError):
    """Nuke was called from a thread that may not call it."""


def enter(host: Any) -> None:
    """From now on this host is the running one."""
    _hosts.append(host)


def leave(host: Any) -> None:
    """It has ended."""
    _hosts.remove(host)


def running() -> Any:
    """The running host."""
    if not _hosts:
        raise RuntimeError("No Nuke is running: use FakeNuke as a context manager.")
    return _hosts[-1]


def check_thread(what: str) -> None:
    """Refuse a call from any thread but the one that made the host."""
    if _hosts and threading.get_ident() != _hosts[-1].main_thread:
        error = ThreadError(
            f"{what} was called off the main thread; only ProgressTask, executeInMainThread, "
            "executeInMainThreadWithResult and tprint may be."
        )
        _hosts[-1].thread_errors.append(str(error))
        raise error


def guarded(kind: T) -> T:
    """Every public method of a class is refused off the main thread, and once its object has ended."""
    for name, value in list(vars(kind).items()):
        if name.startswith("_") and name not in ("__getitem__", "__len__", "__enter__"):
            continue
        if isinstance(value, (classmethod, staticmethod)) or not callable(value):
            continue
        setattr(kind, name, _guarded(value, f"{kind.__name__}.{name}"))
    return kind


def _guarded(method: Callable[..., Any], what: str) -> Callable[..., Any]:
    @functools.wraps(method)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        check_thread(what)
        self._check_alive()
        return method(self, *args, **kwargs)

    return call
