"""The worker: who is connected, what they ask for, and when it ends."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from typing import NamedTuple

from semantic_matte.worker.clients import ClientLink, refused
from semantic_matte.worker.dispatcher import Dispatcher
from semantic_matte.worker.door import Door
from semantic_matte.worker.engine_handle import ENGINE_COMMAND
from semantic_matte.worker.job_record import JobRecord, failed_message, tell
from semantic_matte.worker.lock import WorkerLock
from semantic_matte.worker.logs import log
from semantic_matte.worker.loop import Loop
from semantic_matte.worker.presence import Presence
from semantic_matte_client import protocol
from semantic_matte_client.version import VERSION

MOST_CLIENTS = 64
# Connections besides these that may be in their handshake; seconds that it may take, and until they make room.
_MOST_NEWCOMERS = 64
_NEWCOMER_SECONDS = 15.0
_YIELD_SECONDS = 1.0
# Seconds that the last messages to a client may take.
_FLUSH_SECONDS = 1.0
# Seconds between two looks at our own files.
_LOOK_SECONDS = 2.0

_RUN_AGAIN = "run the job again, which starts a new one"


class Times(NamedTuple):
    """Seconds without a job until the engine process is ended, and the worker."""

    unload_after: float = 300.0
    idle_exit: float = 1800.0


@dataclass
class Standing:
    """Whether new jobs are taken. sentence: why not, for a client that can't just be sent away."""

    draining: bool = False
    ending: bool = False
    # The engine has ended, and every job was answered.
    halted: bool = False
    sentence: str = ""


class Server:
    """Serves clients until it is told to end, or nobody has needed it for long."""

    def __init__(
        self,
        lock: WorkerLock,
        presence: Presence,
        slot: str,
        log_path: str,
        times: Times,
        engine_command: Sequence[str] = ENGINE_COMMAND,
    ) -> None:
        """presence: published by `begin`. log_path: for `status`, empty for none."""
        self._lock, self._presence, self._slot, self._log_path = lock, presence, slot, log_path
        self._times = times
        self._loop = Loop()
        self._door = Door(self._loop, presence, self.arrived)
        self._links: dict[ClientLink, float] = {}
        self._standing = Standing()
        self._started = time.monotonic()
        self._dispatcher = Dispatcher(
            self._loop, engine_command, times.unload_after, self._became_quiet, self._updated
        )

    def begin(self) -> None:
        """Be found. Raises OSError where the files can't be written. What comes waits for `serve`."""
        # First: from the moment on that there is something to be found, it is removed in the end.
        for name in ("SIGTERM", "SIGINT", "SIGHUP"):
            if hasattr(signal, name):
                self._loop.on_signal(getattr(signal, name), partial(self.stop, name))
        try:
            self._presence.publish()
            self._door.open()
        except BaseException:
            self._presence.withdraw()
            raise
        self._loop.after("look", _LOOK_SECONDS, self._look)
        self._became_quiet()

    def serve(self) -> int:
        """Serve, once begun; returns the exit code."""
        try:
            self._loop.run()
        except Exception:
            log.exception("the worker can't go on")
            self._collapse()
            return 1
        finally:
            self._presence.withdraw()
        self._loop.close()
        log.info("worker %d: ended", os.getpid())
        return 0

    def stop(self, reason: str) -> None:
        """End now: what runs is cancelled, what waits fails."""
        if self._standing.ending:
            return
        log.info("worker %d: ends, %s", os.getpid(), reason)
        self._standing.ending = True
        for name in ("look", "idle"):
            self._loop.forget(name)
        # Nobody new: they start the next worker, which waits for our lock.
        self._door.close()
        self._presence.withdraw()
        self._dispatcher.halt(f"The worker was ended: {_RUN_AGAIN}.", self._close_all)

    # What clients do.

    def joined(self, link: ClientLink) -> None:
        """A client has said who it is."""
        if self._standing.ending:
            self._finish(link)
        elif sum(one.is_joined for one in self._links) >= MOST_CLIENTS:
            log.warning("client %s refused: there are %d", link.name, MOST_CLIENTS)
            link.send(refused(f"The worker has {MOST_CLIENTS} clients and takes no more: close one of them."))
            self._finish(link)
        else:
            link.is_joined = True
            log.info("client %s: process %d", link.name, link.pid)
            link.send({"type": "welcome", **self._identity()})

    def came(self, link: ClientLink, asked: protocol.Message | JobRecord) -> None:
        """A client asks for something."""
        link.handled()
        if not link.is_joined:
            return
        if isinstance(asked, JobRecord):
            self._submit(link, asked)
        elif asked["type"] == "cancel":
            self._dispatcher.cancel(asked["job"])
        elif asked["type"] == "status":
            link.send(self._status())
        elif asked["type"] == "stop":
            link.send({"type": "stopping"})
            if asked["when"] == "now":
                self.stop(f"as {link.name} asked")
            else:
                self._drain(f"{link.name} asked for it", "The worker was told to end when its jobs are done")

    def left(self, link: ClientLink, complaint: str) -> None:
        """A client has gone, or said what can't be understood."""
        if link.is_joined:
            log.info("client %s: gone%s", link.name, f", {complaint}" if complaint else "")
        elif complaint:
            log.warning("a connection was closed: %s", complaint)
        if complaint and link.is_joined:
            link.send({"type": "error", "message": complaint})
        self._dispatcher.vanished(link)
        if complaint:
            self._finish(link)
        else:
            link.is_joined = False
            link.cut()

    def closed(self, link: ClientLink) -> None:
        """Both threads of a client have ended."""
        self._loop.forget(link)
        self._links.pop(link, None)
        link.release()
        self._end_if_alone()

    def _submit(self, link: ClientLink, job: JobRecord) -> None:
        """Take a job, or send its client to the next worker."""
        if self._standing.draining and self._dispatcher.jobs_of(link):
            tell(job, failed_message(job.identity, "ended", f"{self._standing.sentence}: {_RUN_AGAIN}."))
            return
        if self._standing.ending or self._standing.draining:
            self._finish(link)
            return
        self._loop.forget("idle")
        try:
            self._dispatcher.submit(job)
        except ValueError as error:
            self.left(link, str(error))

    def _status(self) -> protocol.Message:
        return {
            "type": "status",
            **self._identity(),
            "python": sys.executable,
            "seconds": time.monotonic() - self._started,
            "engine": self._dispatcher.engine_state(),
            "engine_pid": self._dispatcher.engine.pid,
            "device": self._dispatcher.engine.device,
            "clients": sum(one.is_joined for one in self._links),
            "jobs": self._dispatcher.rows(),
            "finished": self._dispatcher.finished,
            "log": self._log_path,
        }

    def _identity(self) -> protocol.Message:
        return {
            "protocol": protocol.PROTOCOL,
            "version": VERSION,
            "pid": os.getpid(),
            "slot": self._slot,
        }

    # How it begins and ends.

    def _became_quiet(self) -> None:
        """There is no job."""
        if self._standing.draining:
            self.stop("all jobs are done")
        elif not self._loop.waits("idle"):
            seconds = self._times.idle_exit
            self._loop.after("idle", seconds, lambda: self.stop(f"without a job for {seconds:g} s"))

    def _updated(self) -> None:
        """The engine's files are of another version than ours."""
        self.stop("the engine was updated")

    def _drain(self, reason: str, sentence: str) -> None:
        """End once all jobs are done; take no more."""
        if not self._standing.draining:
            log.info("worker %d: ends when its jobs are done, %s", os.getpid(), reason)
            self._standing.draining, self._standing.sentence = True, sentence
            if self._dispatcher.is_quiet():
                self.stop(reason)

    def _look(self) -> None:
        """Every now and then: are we still to be found, and does somebody say nothing?"""
        self._loop.after("look", _LOOK_SECONDS, self._look)
        if not (self._lock.is_ours() and self._presence.is_intact()):
            self._drain("its files were removed", "The worker's files were removed, so it ends")
        now = time.monotonic()
        for link, came in list(self._links.items()):
            if not link.is_joined and now - came > _NEWCOMER_SECONDS:
                link.cut()

    def _close_all(self) -> None:
        """Say the last words to everybody, then end."""
        self._standing.halted = True
        for link in list(self._links):
            if link.is_joined:
                self._finish(link)
            else:
                link.cut()
        self._end_if_alone()

    def _end_if_alone(self) -> None:
        if self._standing.halted and not self._links:
            self._loop.end()

    def _finish(self, link: ClientLink) -> None:
        """Send what waits and close, by force after a time."""
        link.is_joined = False
        link.finish()
        self._loop.after(link, _FLUSH_SECONDS, link.cut)

    def _collapse(self) -> None:
        """After a bug in the loop: answer everybody, as well as it can be done, and end."""
        try:
            self._dispatcher.collapse(
                "The worker met a bug and ends: please report it with its log; run it again."
            )
            for link in self._links:
                link.finish()
            limit = time.monotonic() + _FLUSH_SECONDS
            for link in self._links:
                link.join(max(0.0, limit - time.monotonic()))
        except Exception:
            log.exception("and could not tell everybody")

    def arrived(self, accepted: socket.socket | Connection) -> None:
        """A connection, of whom nothing is known yet."""
        newcomers = [(came, one) for one, came in self._links.items() if not one.is_joined]
        if len(newcomers) >= _MOST_NEWCOMERS:
            # In order of their coming. Who says nothing must not keep others out.
            came, oldest = newcomers[0]
            if time.monotonic() - came < _YIELD_SECONDS:
                accepted.close()
                return
            oldest.cut()
        if self._standing.ending:
            accepted.close()
            return
        try:
            link = ClientLink(accepted, self._presence.key, self._loop, self)
            link.start()
            self._links[link] = time.monotonic()
        except (OSError, RuntimeError) as reason:
            log.warning("a connection can't be served: %s", reason)
            accepted.close()
