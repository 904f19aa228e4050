"""The course of one job as its messages tell it: state, events, results; no connection and no waiting."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any, Deque, Dict, List, Mapping, NamedTuple, Optional

from semantic_matte_client.errors import (
    ClientError,
    JobCancelledError,
    JobFailedError,
    ProtocolError,
)

if TYPE_CHECKING:
    from semantic_matte_client.results import MatteResult, RefineResult, SegmentResult
    from semantic_matte_client.shot_results import ShotsResult

    Result = MatteResult | SegmentResult | RefineResult | ShotsResult

# connecting: on the way to the worker. queued: the worker has it. The last three are ends.
STATES = ("connecting", "queued", "running", "done", "failed", "cancelled")


CANCELLED = "The job was cancelled; frames that were finished are kept."


class Progress(NamedTuple):
    """How far a job is.

    stage: connecting, queued, starting (the engine loads), reading, segmenting, matting, writing...; of a shot
    finding, then matting and frames. frame of frames, and number (of a pass): counted from 1, 0 where there is
    none. fraction: of the whole job, 0 to 1, never falls. seconds_left: None while it isn't known. rate: frames
    of a shot a minute, None while it isn't known.
    """

    stage: str = "connecting"
    plate: str = ""
    frame: int = 0
    frames: int = 0
    instance: str = ""
    number: int = 0
    fraction: float = 0.0
    seconds_left: Optional[float] = None
    rate: Optional[float] = None

    def sentence(self) -> str:
        """One line for a person: `2/10 plate.1002.exr: matting sm_person_01, pass 2, 34%, 12 s left`."""
        parts = [f"{self.stage} {self.instance}".strip()]
        parts += [f"pass {self.number}"] * (self.number > 0)
        parts += [f"{self.fraction:.0%}"] * (self.fraction > 0)
        if self.seconds_left is not None:
            parts.append(f"{self.seconds_left:.0f} s left")
        if self.rate:
            parts.append(f"{self.rate:.1f} frames a minute")
        where = f"{self.frame}/{self.frames} " if self.frames > 1 and self.frame else ""
        where += f"{self.plate}: " if self.plate else ""
        return where + ", ".join(parts)


class JobCourse:
    """What is known of a job.

    request: the `submit` message. events: messages that nobody has taken yet. frames, shots, notices: of all so
    far.
    error: why it ended, None while it runs and after `done`.
    """

    def __init__(self, request: Mapping[str, Any]) -> None:
        self.request = request
        self.identity: str = request["job"]
        self.task: str = request["task"]
        self.state = "connecting"
        self.progress = Progress()
        self.events: Deque[Dict[str, Any]] = deque()
        self.frames: List[Dict[str, Any]] = []
        self.shots: List[Dict[str, Any]] = []
        self.notices: List[str] = []
        self.seconds = 0.0
        self.error: Optional[ClientError] = None
        # sent: the worker was told, and may or may not have it. cancel_sent: when it was told to cancel.
        self.sent = False
        self.cancel_asked = False
        self.cancel_sent: Optional[float] = None

    @property
    def ended(self) -> bool:
        """Whether nothing comes any more."""
        return self.state in ("done", "failed", "cancelled")

    @property
    def accepted(self) -> bool:
        """Whether the worker said that it has the job."""
        return self.state != "connecting"

    def take(self, message: Dict[str, Any]) -> None:
        """Go on by a worker's message about this job; what comes after its end is dropped."""
        if self.ended:
            return
        kind = message["type"]
        # Of a stage that nobody looked at, the newest word is enough: memory stays small over a long shot.
        if kind == "progress" and self.events and self.events[-1]["type"] == "progress":
            self.events.pop()
        self.events.append(message)
        if kind == "accepted":
            self.state = "queued"
            self.progress = self.progress._replace(stage="queued")
        elif kind == "progress":
            self._advance(message)
        elif kind == "notice":
            self.notices.append(message["message"])
        elif kind == "frame":
            self.frames.append(message)
        elif kind == "shot":
            self.shots.append(message)
        elif kind == "done":
            self.seconds = message["seconds"]
            self.state = "done"
            self.progress = self.progress._replace(stage="done", fraction=1.0, seconds_left=0.0)
        elif kind == "failed":
            self._end("failed", JobFailedError(message["message"], message["kind"], message["exit_code"]))
        elif kind == "cancelled":
            self._end("cancelled", JobCancelledError(CANCELLED))

    def fail(self, error: ClientError) -> None:
        """End it from this side; what the host sees is a message as from the worker."""
        if self.ended:
            return
        kind = {"kind": "ended" if self.accepted else "start", "exit_code": error.exit_code}
        self.events.append({"type": "failed", "job": self.identity, "message": str(error), **kind})
        self._end("failed", error)

    def cancelled(self) -> None:
        """End it from this side as cancelled."""
        self.take({"type": "cancelled", "job": self.identity})

    def again(self) -> None:
        """The worker went before it had the job: it is to be sent anew."""
        self.sent = False
        self.cancel_sent = None

    def result(self) -> Result:
        """What came of it. Raises the error that ended it, or ClientError while it runs."""
        if self.error is not None:
            raise self.error.with_traceback(None)
        if not self.ended:
            raise ClientError("The job has not ended: poll() until it returns True, or wait().")
        from semantic_matte_client.results import shot_result
        from semantic_matte_client.shot_results import shots_result

        try:
            if self.task in ("track", "collect"):
                return shots_result(self.shots, self.seconds, self.notices)
            return shot_result(self.task, self.frames, self.seconds, self.notices)
        except ValueError as reason:
            raise ProtocolError(f"The worker called the job done without its files ({reason}).") from None

    def cancel_overdue(self, seconds: float) -> bool:
        """Whether the worker was told to cancel so long ago."""
        return self.cancel_sent is not None and time.monotonic() - self.cancel_sent > seconds

    def _advance(self, message: Mapping[str, Any]) -> None:
        self.state = "queued" if message["stage"] == "queued" else "running"
        self.progress = Progress(
            message["stage"],
            message["plate"],
            message["frame"],
            message["frames"],
            message["instance"],
            message["pass"],
            message["fraction"],
            message["seconds_left"],
            message["rate"],
        )

    def _end(self, state: str, error: ClientError) -> None:
        self.state = state
        self.error = error
