"""Which job the engine process works on, from `accepted` to its one end, whatever becomes of the engine.

All of it runs in the worker's loop. At most one job is on the engine; it is first `new` (the engine gets
ready), then `given` (the engine has its order), and `swept` while what a killed engine left is removed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from semantic_matte.worker.clients import ClientLink
from semantic_matte.worker.engine_keeper import EngineKeeper, Gone
from semantic_matte.worker.fair_queue import FairQueue
from semantic_matte.worker.job_record import (
    JobRecord,
    cancelled_message,
    failed_message,
    progress_message,
    tell,
)
from semantic_matte.worker.logs import log
from semantic_matte.worker.loop import Loop
from semantic_matte_client import protocol

# Seconds that the engine has to obey a cancel, before it is killed.
CANCEL_SECONDS = 0.4
# Seconds that removing a killed engine's temporaries may hold up the answer; a disk may hang.
_SWEEP_SECONDS = 0.25
# Bytes of orders that may wait.
_MOST_WAITING = 64 << 20
# Seconds between two looks at who waits behind how many: at least the first, and more for each that waits.
_POSITION_SECONDS, _POSITION_SECONDS_EACH = 0.25, 0.002

_AGAIN = "frames already written are whole, and the next job starts a new engine"


class Dispatcher:
    """Takes jobs, and sees to it that each gets exactly one end."""

    def __init__(
        self,
        loop: Loop,
        command: Sequence[str],
        unload_seconds: float,
        on_quiet: Callable[[], None],
        on_updated: Callable[[], None],
    ) -> None:
        """command: of the engine process. unload_seconds: without a job until it is ended.

        on_quiet: run whenever no job is left. on_updated: when the engine turns out to be of another version.
        """
        self._loop, self._unload_seconds = loop, unload_seconds
        self._on_quiet, self._on_updated = on_quiet, on_updated
        self._queue = FairQueue()
        self._jobs: dict[str, JobRecord] = {}
        self._current: JobRecord | None = None
        self._phase = "new"
        self._on_halted: Callable[[], None] | None = None
        # After a kill the next engine loads before it has a job: who cancels mostly tries again.
        self._warm_next = False
        self.engine = EngineKeeper(loop, command, self)
        self.finished = 0

    def submit(self, job: JobRecord) -> None:
        """Take a job, which hears `accepted` at once. Raises ValueError if one of its number is known."""
        if job.identity in self._jobs:
            raise ValueError(f"The job {job.identity} is known already: give each a number of its own.")
        self._loop.forget("unload")
        waiting = len(self._queue)
        if waiting >= protocol.MOST_QUEUED - 1 or self._queue.bytes + len(job.order) > _MOST_WAITING:
            sentence = f"The worker has {waiting} jobs waiting and takes no more: wait until some are done."
            tell(job, failed_message(job.identity, "work", sentence))
            self._advance()
            return
        self._jobs[job.identity] = job
        self._queue.put(job)
        job.told_position = self._position(job)
        tell(job, {"type": "accepted", "job": job.identity, "position": job.told_position})
        log.info(
            "job %s: %s for %s, %d plates, first %r, to %r",
            *(job.identity, job.task, job.client_name, job.plates, job.first_plate, str(job.folder)),
        )
        self._advance()

    def cancel(self, identity: str) -> None:
        """End a job: at once if the engine does not have it, else within CANCEL_SECONDS."""
        job = self._jobs.get(identity)
        if job is None:
            return
        if job is not self._current:
            self._queue.remove(job)
            self._end(job, cancelled_message(job.identity))
        elif self._phase == "new":
            self._end(job, cancelled_message(job.identity))
        elif self._phase == "given" and not job.cancelling:
            job.cancelling = True
            order = {"type": "cancel", "job": identity}
            self.engine.order(protocol.encode(order, protocol.ORDERS))
            self._loop.after("cancel", CANCEL_SECONDS, self.engine.kill)

    def vanished(self, client: ClientLink) -> None:
        """A client has gone: its jobs are cancelled, or finished for nobody, as each said."""
        for job in [job for job in self._jobs.values() if job.client is client]:
            if job.finish:
                job.client = None
            else:
                self.cancel(job.identity)

    def halt(self, sentence: str, on_halted: Callable[[], None]) -> None:
        """Cancel what runs, fail what waits with that sentence, end the engine; then run `on_halted`."""
        self._on_halted = on_halted
        self._fail_waiting(sentence)
        if self._current is not None:
            self.cancel(self._current.identity)
        self._advance()

    def collapse(self, sentence: str) -> None:
        """Answer every job with that sentence and kill the engine: for a worker that can't go on."""
        for job in list(self._jobs.values()):
            tell(job, failed_message(job.identity, "crash", sentence))
        self._jobs.clear()
        self.engine.kill()

    def is_quiet(self) -> bool:
        """Whether there is no job."""
        return not self._jobs

    def jobs_of(self, client: ClientLink) -> int:
        """How many jobs a client waits for."""
        return sum(job.client is client for job in self._jobs.values())

    def engine_state(self) -> str:
        """As `status` tells it: none, starting, idle or busy."""
        if self.engine.state == "ready":
            return "busy" if self._current is not None else "idle"
        return "starting" if self.engine.state == "starting" else "none"

    def rows(self) -> list[protocol.Message]:
        """All jobs for `status`, in their order."""
        # So that the message is never too long, whatever the clients call themselves.
        longest = 200 if len(self._queue) < 500 else 20
        rows = [self._current.row("running", longest)] if self._current is not None else []
        return rows + [job.row("waiting", longest) for job in self._queue]

    # What the engine does.

    def engine_ready(self) -> None:
        """It may be given a job."""
        if self._warm_next and self._current is None:
            self.engine.order(protocol.encode({"type": "warm"}, protocol.ORDERS))
        self._warm_next = False
        self._advance()

    def engine_updated(self, version: str) -> None:
        """It is of another version: no job can be done any more."""
        sentence = f"Semantic Matte was updated to version {version} and its worker ends: run the job again."
        if self._current is not None:
            self._end(self._current, failed_message(self._current.identity, "ended", sentence))
        self._fail_waiting(sentence)
        self._on_updated()

    def engine_said(self, report: protocol.Message, content: bytes) -> None:
        """It said something of a job."""
        job, kind = self._current, report["type"]
        if job is None or self._phase != "given" or report["job"] != job.identity:
            log.warning("the engine said '%s' for %s, which it does not have", kind, report["job"])
            return
        job.reported = True
        if kind in protocol.ENDS:
            if kind == "failed":
                log.info("job %s: %s", job.identity, report["message"])
            self._end(job, report, content)
            return
        if kind == "progress":
            job.fraction = report["fraction"]
        if job.client is not None:
            job.client.pass_on(content, kind, job.identity)

    def engine_gone(self, gone: Gone) -> None:
        """It has ended, by itself or by us."""
        self._loop.forget("cancel")
        job = self._current
        if job is None:
            self._advance()
        elif self._phase == "new":
            if gone.was == "starting":
                self._fail_start(job, gone.last_line or gone.how)
            else:
                self._advance()
        elif job.cancelling:
            self._warm_next = True
            self._sweep(job, cancelled_message(job.identity))
        elif not job.reported and not job.lost:
            # Dead before it could begin: as if it had died a moment sooner, while idle.
            job.lost += 1
            self._phase = "new"
            self._advance()
        else:
            sentence = f"The engine ended while it worked on this job ({gone.how}): {_AGAIN}."
            self._sweep(job, failed_message(job.identity, "crash", sentence))

    # What is to be done next.

    def _advance(self) -> None:
        """Do what can be done now: give the next job to the engine, start it, end it."""
        if self._current is None:
            self._current, self._phase = self._queue.take(), "new"
        self._tell_positions()
        job = self._current
        if job is None:
            self._rest()
        elif self._phase != "new":
            return
        elif self.engine.state == "ready":
            self._phase = "given"
            job.begun = time.monotonic()
            self.engine.order(job.order)
        else:
            tell(job, progress_message(job, "starting"))
            refusal = self.engine.start()
            if refusal:
                self._fail_start(job, refusal)

    def _rest(self) -> None:
        """Without a job."""
        if self._on_halted is not None:
            if self.engine.state == "none":
                self._loop.call(self._on_halted)
            else:
                self.engine.end(CANCEL_SECONDS)
            return
        if self.engine.state != "none" and not self._loop.waits("unload"):
            self._loop.after("unload", self._unload_seconds, self._unload)
        self._on_quiet()
        if self._warm_next and self._on_halted is None and self.engine.state == "none":
            # What keeps it from starting is told to the next job.
            self.engine.start()
            self._loop.after("unload", self._unload_seconds, self._unload)

    def _unload(self) -> None:
        if self._current is None:
            log.info("the engine was not needed for %g s", self._unload_seconds)
            self.engine.end()

    def _fail_waiting(self, sentence: str) -> None:
        while (job := self._queue.take()) is not None:
            self._end(job, failed_message(job.identity, "ended", sentence))

    def _fail_start(self, job: JobRecord, reason: str) -> None:
        sentence = (
            f"The engine can't be started ({reason.rstrip('.')}): run 'semantic-matte doctor', which tells "
            "what is missing."
        )
        self._end(job, failed_message(job.identity, "start", sentence))

    def _sweep(self, job: JobRecord, answer: protocol.Message) -> None:
        """Remove what a killed engine left of a job, then answer; a disk that hangs delays it little."""
        self._phase = "swept"

        def answer_once() -> None:
            """Unless it was given already."""
            self._loop.forget("sweep")
            if self._jobs.get(job.identity) is job:
                self._end(job, answer)

        folder = job.folder
        if folder is None:
            answer_once()
            return
        self._loop.after("sweep", _SWEEP_SECONDS, answer_once)

        def remove() -> None:
            """In a thread, which a disk may hold for ever."""
            _remove_leftovers(folder)
            self._loop.call(answer_once)

        threading.Thread(target=remove, name="leftovers", daemon=True).start()

    def _end(self, job: JobRecord, answer: protocol.Message, content: bytes | None = None) -> None:
        """Tell a job's end, and go on with the next. content: the answer as bytes, if it is at hand."""
        if job.client is not None:
            if content is None:
                job.client.send(answer)
            else:
                job.client.pass_on(content, answer["type"], job.identity)
        del self._jobs[job.identity]
        self.finished += 1
        seconds = time.monotonic() - (job.begun or job.accepted)
        log.info("job %s: %s after %.2f s", job.identity, answer["type"], seconds)
        if job is self._current:
            self._loop.forget("cancel")
            self._current = None
        # Not from here: the loop of failing jobs would be a recursion.
        self._loop.call(self._advance)

    # Who waits behind how many.

    def _position(self, job: JobRecord) -> int:
        before = next(index for index, one in enumerate(self._queue) if one is job)
        return before + (self._current is not None)

    def _tell_positions(self) -> None:
        """Soon, and not more often than is needed."""
        if len(self._queue) and not self._loop.waits("positions"):
            seconds = max(_POSITION_SECONDS, len(self._queue) * _POSITION_SECONDS_EACH)
            self._loop.after("positions", seconds, self._tell_positions_now)

    def _tell_positions_now(self) -> None:
        for index, job in enumerate(self._queue):
            position = index + (self._current is not None)
            if position != job.told_position:
                job.told_position = position
                tell(job, progress_message(job, "queued", position))


def _remove_leftovers(folder: Path) -> None:
    """Remove temporaries of processes that have ended."""
    from semantic_matte.outputs.leftovers import remove_abandoned

    # No time: only what is surely nobody's.
    remove_abandoned(folder, now=0.0)
