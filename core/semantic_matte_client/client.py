"""A host's end of the connection: starts a worker if need be, submits jobs, hears of them; no threads."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from pathlib import Path
from typing import Any, Dict, Iterable, Mapping, NoReturn, Optional

from semantic_matte_client import asking, wire
from semantic_matte_client.calls import HOSTS_OCIO
from semantic_matte_client.errors import ClientError, ProtocolError, RequestError, WorkerLostError
from semantic_matte_client.job import Job
from semantic_matte_client.job_course import JobCourse
from semantic_matte_client.launch import clean_environment, find_engine
from semantic_matte_client.protocol import ANSWERS, REQUESTS
from semantic_matte_client.reaching import (
    Link,
    NoWorkerError,
    Reaching,
    SilentWorkerError,
    silence,
)
from semantic_matte_client.request_checks import AnyPath, Frames, Plates, submit_message
from semantic_matte_client.runtime import FOLDER_VARIABLE, check_private, worker_files
from semantic_matte_client.starting import LONGEST_START, Starting

DEVICES = ("auto", "cpu", "cuda", "mps")
# How long messages are read in one poll before the host gets its turn again.
READ_SECONDS = 0.01
# A worker that was told to cancel and says nothing for so long is stuck.
CANCEL_SECONDS = 5.0
# A worker that ends takes no more jobs; how long another one is tried for.
RESUBMIT_SECONDS = 30.0
_NAP = 0.01

LOST = (
    "The worker ended while this job ran (it was killed, or the machine ran out of memory); frames that were "
    "already written are whole and will be reused: run it again."
)
ENDING = "The worker is ending and takes no new jobs while it finishes others: try again when it has."


class Client:
    """One host's way to the worker of a device.

    name: what this host is called in the worker's status and log; guessed if None. python: the engine's Python;
    found by `launch.find_engine` if None. device: auto, cpu, cuda or mps. runtime: the folder where workers are
    met; the user's own if None. start: whether a worker may be started. start_seconds: for it to get ready.

    Nothing is reached or started before the first job. To be used by one thread of one process. Raises
    RequestError, RuntimeFolderError.
    """

    def __init__(
        self,
        *,
        name: Optional[str] = None,
        python: Optional[AnyPath] = None,
        device: str = "auto",
        runtime: Optional[AnyPath] = None,
        start: bool = True,
        start_seconds: float = LONGEST_START,
    ) -> None:
        if device not in DEVICES:
            raise RequestError(f"device: expected one of {', '.join(DEVICES)}, got {device!r}.")
        folder = None if runtime is None else _made(runtime)
        self._files = worker_files(device, folder)
        self._device = device
        self._name = (name or host_name())[:200]
        self._python = python
        self._may_start = start
        self._start_seconds = start_seconds
        # The worker meets its clients in the same folder, whatever its own environment says.
        self._folder = folder
        self._process = os.getpid()
        self._reaching: Optional[Reaching] = None
        self._link: Optional[Link] = None
        self._jobs: Dict[str, JobCourse] = {}
        self._lost_since: Optional[float] = None
        self._not_before = 0.0
        self._close_when_done = False

    def submit(
        self,
        task: str,
        plates: Plates,
        *,
        out: Optional[AnyPath] = None,
        hint: Optional[AnyPath] = None,
        trimap: Optional[AnyPath] = None,
        colour_space: Optional[str] = None,
        frames: Optional[Frames] = None,
        chunk: Optional[Frames] = None,
        ocio: Optional[str] = HOSTS_OCIO,
        settings: Optional[Mapping[str, Any]] = None,
        roots: Optional[Iterable[AnyPath]] = None,
        on_disconnect: str = "cancel",
    ) -> Job:
        """Ask for a job and return at once; `Job.poll` or `Job.wait` carry it on.

        task: matte, segment or refine; of shots also track and collect. plates: a path, a frame pattern
        (plate.####.exr), a film or a list. out: the folder for results; the alpha's file for refine; a file of
        COCO results, or None, for segment. frames, chunk: see `calls.matte`. ocio: the
        colour configuration, by default the one in $OCIO; None for none. settings: controls by name, see
        `controls()`. roots: folders; nothing outside them is read or written for this job; by default those
        of the files that this call names. on_disconnect: what becomes of it if this process ends: cancel or
        finish. Raises RequestError for whatever is wrong with these.
        """
        self._check_process()
        message = submit_message(
            os.urandom(16).hex(),
            task,
            plates,
            out=out,
            hint=hint,
            trimap=trimap,
            colour_space=colour_space,
            frames=frames,
            chunk=chunk,
            ocio=ocio,
            settings=settings,
            roots=roots,
            on_disconnect=on_disconnect,
            device=self._device,
        )
        course = JobCourse(message)
        self._jobs[course.identity] = course
        # Begins at once: a host that polls ten times a second need not lose the first turn.
        self.advance()
        return Job(self, course)

    def start(self) -> Dict[str, Any]:
        """Start the worker if none runs, wait until it answers, and return its status (see protocol.py).

        Raises what kept it from starting.
        """
        self._check_process()
        start = self._begin if self._may_start else None
        return asking.ask(self._files, self._name, "status", start, self._start_seconds + 5)

    def status(self, seconds: float = 5.0) -> Optional[Dict[str, Any]]:
        """The worker's own account of itself and its jobs; None where none runs. Never starts one.

        Raises WorkerLostError if it does not answer within so many seconds, VersionError if it speaks another
        protocol.
        """
        self._check_process()
        try:
            return asking.ask(self._files, self._name, "status", None, seconds)
        except NoWorkerError:
            return None

    def stop(self, when: str = "now") -> bool:
        """End the worker, for every host that uses it; False where none ran.

        when: `now` cancels what runs and returns once the worker has gone; one that does not answer is killed.
        `idle` lets it finish its jobs first and returns at once. Raises WorkerLostError if it can't be ended,
        and VersionError if one of another version was to end when idle.
        """
        self._check_process()
        if when not in ("now", "idle"):
            raise RequestError(f"stop: expected 'now' or 'idle', got {when!r}.")
        return asking.stop(self._files, self._name, when)

    def close(self) -> None:
        """Hang up. Jobs that run are cancelled or finished, as each was submitted; a worker goes on."""
        self._hang_up()
        for course in list(self._jobs.values()):
            if course.sent and course.request["on_disconnect"] == "finish":
                course.fail(WorkerLostError("This client was closed; the worker finishes the job."))
            else:
                course.cancelled()
            self._forget(course)

    def advance(self) -> None:
        """Move all jobs on, without waiting: reach a worker, send, read. What goes wrong ends the jobs."""
        self._check_process()
        if time.monotonic() < self._not_before or not self._jobs:
            return
        try:
            if self._link is None:
                self._reach()
            if self._link is not None:
                try:
                    self._send_waiting(self._link)
                finally:
                    # Where nothing can be sent any more, what the worker said before it went still counts.
                    self._read(self._link)
        except (EOFError, OSError):
            self._lost()
        except ClientError as error:
            self._fail_all(error)
        if self._close_when_done and not self._jobs:
            self.close()

    def rest(self, seconds: float) -> None:
        """Wait until the worker says something, at most so long; shortly while it is being reached."""
        if self._link is None:
            time.sleep(min(seconds, _NAP))
            return
        try:
            self._link.connection.poll(seconds)
        except (EOFError, OSError):
            # `advance` finds the same and deals with it.
            time.sleep(min(seconds, _NAP))

    def cancel(self, course: JobCourse) -> None:
        """Have a job cancelled: at once if the worker does not have it yet."""
        course.cancel_asked = True
        if not course.sent:
            course.cancelled()
            self._forget(course)
        elif self._link is not None and course.cancel_sent is None:
            try:
                self._tell(self._link, {"type": "cancel", "job": course.identity})
                course.cancel_sent = time.monotonic()
            except OSError:
                with contextlib.suppress(OSError, EOFError, ClientError):
                    self._read(self._link)
                self._lost()

    def close_when_done(self) -> None:
        """Hang up by itself after the last job: for a client that nobody holds but its job."""
        self._close_when_done = True

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "connected" if self._link else "connecting" if self._reaching else "not connected"
        return f"<Client {self._name!r} of the worker for {self._device}: {state}, {len(self._jobs)} jobs>"

    def __reduce__(self) -> NoReturn:
        raise RequestError("A client can't be copied or pickled: make one in each process.")

    def _check_process(self) -> None:
        """A fork shares the connection with its parent, and both would hear half of what is said."""
        if os.getpid() != self._process:
            raise RequestError(
                "This client belongs to the process that this one was forked from: make a new one here."
            )

    def _begin(self) -> Starting:
        """Start a worker. Raises EngineNotFoundError, RuntimeFolderError."""
        environment = clean_environment()
        if self._folder is not None:
            environment[FOLDER_VARIABLE] = str(self._folder)
        engine = find_engine(self._python)
        return Starting(engine, self._files.slot, self._files.lock.parent, environment, self._start_seconds)

    def _reach(self) -> None:
        if self._reaching is None:
            self._reaching = Reaching(self._files, self._name, self._begin if self._may_start else None)
        self._link = self._reaching.poll()
        if self._link is not None:
            self._reaching = None

    def _send_waiting(self, link: Link) -> None:
        for course in list(self._jobs.values()):
            if not course.sent:
                course.sent = True
                self._tell(link, course.request)
            if course.cancel_overdue(CANCEL_SECONDS):
                raise SilentWorkerError(silence(link.pid))

    def _read(self, link: Link) -> None:
        """Take what has come, for READ_SECONDS at most."""
        until = time.monotonic() + READ_SECONDS
        while link.connection.poll(0):
            try:
                message = wire.receive(link.connection, ANSWERS)
            except ProtocolError as error:
                raise ProtocolError(f"{error} The worker is of version {link.version!r}.") from None
            if message["type"] == "error":
                raise ProtocolError(f"The worker did not understand this client: {message['message']}")
            course = self._jobs.get(message.get("job", ""))
            if course is not None:
                self._lost_since = None
                course.take(message)
                if course.ended:
                    self._forget(course)
            if time.monotonic() > until:
                return

    def _lost(self) -> None:
        """The connection ended. Jobs that the worker had are lost; the others are sent to the next worker."""
        log = self._link.log if self._link is not None else str(self._files.log)
        self._hang_up()
        now = time.monotonic()
        self._lost_since = self._lost_since or now
        self._not_before = now + min(1.0, (now - self._lost_since) / 4)
        for course in list(self._jobs.values()):
            if course.cancel_asked:
                # Whoever carried it out, nothing of this job runs any more.
                course.cancelled()
            elif course.accepted:
                course.fail(WorkerLostError(f"{LOST} '{log}' may say more."))
            elif now - self._lost_since > RESUBMIT_SECONDS:
                course.fail(WorkerLostError(f"{ENDING} '{log}' may say more."))
            else:
                course.again()
                continue
            self._forget(course)

    def _fail_all(self, error: ClientError) -> None:
        self._hang_up()
        for course in list(self._jobs.values()):
            course.fail(error)
            self._forget(course)

    def _forget(self, course: JobCourse) -> None:
        self._jobs.pop(course.identity, None)

    def _hang_up(self) -> None:
        """End the connection, or the way to one."""
        if self._reaching is not None:
            self._reaching.close()
            self._reaching = None
        if self._link is not None:
            self._link.connection.close()
            self._link = None

    @staticmethod
    def _tell(link: Link, message: Mapping[str, Any]) -> None:
        wire.send(link.connection, message, REQUESTS)


def host_name() -> str:
    """What runs this: `nuke 15.1v3`, `blender 4.2.3`, `python 3.11`; by modules that are loaded already."""
    nuke, blender = sys.modules.get("nuke"), sys.modules.get("bpy")
    if nuke is not None:
        return f"nuke {getattr(nuke, 'NUKE_VERSION_STRING', '')}".strip()
    if blender is not None:
        return f"blender {getattr(getattr(blender, 'app', None), 'version_string', '')}".strip()
    return "python {}.{}".format(*sys.version_info[:2])


def _made(runtime: AnyPath) -> Path:
    """The folder, made if need be, and private. Raises RuntimeFolderError."""
    folder = Path(runtime).absolute()
    # What is wrong with it is told by the check.
    with contextlib.suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    check_private(folder)
    return folder
