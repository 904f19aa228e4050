"""Keeps one engine process at hand: started when it is needed, ended when not, killed if it does not obey.

All of it runs in the worker's loop.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from semantic_matte.worker.engine_handle import EngineHandle
from semantic_matte.worker.logs import log
from semantic_matte.worker.loop import Loop
from semantic_matte_client import protocol
from semantic_matte_client.version import VERSION

# Seconds that an engine has to end once its input is closed, and to say that it is ready.
END_SECONDS = 2.0
START_SECONDS = 120.0


class Gone(NamedTuple):
    """An engine that has ended. was: starting, ready or ending. how: for a sentence."""

    was: str
    how: str
    last_line: str


class EngineUser(Protocol):
    """Who has work for the engine."""

    def engine_ready(self) -> None:
        """It may be given an order."""

    def engine_updated(self, version: str) -> None:
        """It turned out to be of another version than the worker, and is not to be used."""

    def engine_said(self, report: protocol.Message, content: bytes) -> None:
        """It said something of a job. content: the same as bytes."""

    def engine_gone(self, gone: Gone) -> None:
        """It has ended, by itself or by us; all that it said was told before."""


class EngineKeeper:
    """At most one engine process. state: none, starting, ready or ending."""

    def __init__(self, loop: Loop, command: Sequence[str], user: EngineUser) -> None:
        """command: what starts an engine process."""
        self._loop, self._command, self._user = loop, command, user
        self._engine: EngineHandle | None = None
        self._complaint = ""
        self.state = "none"
        self.device = ""

    @property
    def pid(self) -> int:
        """Of the engine process; 0 where there is none."""
        return self._engine.pid if self._engine is not None else 0

    def start(self) -> str:
        """Start one, unless there is one. Returns why that can't be done, or nothing."""
        if self._engine is not None:
            return ""
        try:
            self._engine = EngineHandle(self._command, self._loop, self)
        except (OSError, RuntimeError) as reason:
            log.exception("the engine can't be started")
            return str(reason)
        self.state = "starting"
        log.info("engine %d: started", self._engine.pid)
        self._loop.after("engine start", START_SECONDS, self._give_up)
        return ""

    def order(self, content: bytes) -> None:
        """Tell it something; never waits."""
        if self._engine is not None:
            self._engine.order(content)

    def end(self, seconds: float = END_SECONDS) -> None:
        """Have it end, by force after a time. All its memory is then the system's again."""
        if self._engine is not None and self.state != "ending":
            self.state = "ending"
            self._loop.forget("engine start")
            self._engine.close_input()
            self._loop.after("engine end", seconds, self.kill)

    def kill(self) -> None:
        """End it now, whatever it does; `engine_gone` follows."""
        if self._engine is not None:
            log.warning("engine %d: killed", self._engine.pid)
            self._engine.kill()

    # What the engine process does.

    def reported(self, engine: EngineHandle, report: protocol.Message, content: bytes) -> None:
        """It said something."""
        if engine is not self._engine:
            return
        if report["type"] == "device":
            self.device = report["sentence"]
        elif report["type"] != "ready":
            self._user.engine_said(report, content)
        elif self.state == "starting":
            self._loop.forget("engine start")
            if report["version"] == VERSION:
                self.state = "ready"
                self._user.engine_ready()
            else:
                log.error("the engine is version %s, the worker %s", report["version"], VERSION)
                self.end()
                self._user.engine_updated(report["version"])

    def babbled(self, engine: EngineHandle, complaint: str) -> None:
        """What it said is no report: it can't be trusted any more."""
        if engine is self._engine:
            self._complaint = complaint.rstrip(".")
            self.kill()

    def fell_silent(self, engine: EngineHandle) -> None:
        """It has closed its output: it ends, or is made to."""
        if engine is self._engine and self.state != "ending":
            complaint = "it closed its output and did not end"
            self._loop.after("engine end", END_SECONDS, lambda: self.babbled(engine, complaint))

    def ended(self, engine: EngineHandle) -> None:
        """It has ended; all that it said was told before."""
        gone = Gone(self.state, self._complaint or engine.how_it_ended(), engine.last_line())
        log.log(
            logging.INFO if gone.was == "ending" else logging.ERROR,
            "engine %d: ended, %s",
            engine.pid,
            gone.how,
        )
        engine.forget()
        self._engine, self.state, self._complaint = None, "none", ""
        self._loop.forget("engine start")
        self._loop.forget("engine end")
        self._user.engine_gone(gone)

    def _give_up(self) -> None:
        self._complaint = f"it was not ready after {START_SECONDS:g} s"
        self.kill()
