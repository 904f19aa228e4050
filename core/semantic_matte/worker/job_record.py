"""What the worker knows of one job."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semantic_matte_client import protocol
from semantic_matte_client.message_fields import LONGEST_TEXT

if TYPE_CHECKING:
    from semantic_matte.worker.clients import ClientLink


@dataclass(eq=False)
class JobRecord:
    """A job from its `submit` to its end.

    order: what the engine process is told, as bytes. folder: where results go, or None. owner: whose turn it
    takes (the process number of its client). client: who hears of it; None once they have gone.
    """

    identity: str
    task: str
    order: bytes
    folder: Path | None
    plates: int
    finish: bool
    owner: int
    client_name: str
    client: ClientLink | None
    accepted: float = field(default_factory=time.monotonic)
    begun: float | None = None
    # How often an engine process ended before it had said anything about this job.
    lost: int = 0
    reported: bool = False
    cancelling: bool = False
    fraction: float = 0.0
    # How many jobs were before it when its client was last told.
    told_position: int | None = None
    first_plate: str = ""

    def row(self, state: str, longest_name: int) -> dict[str, Any]:
        """For `status`. state: running or waiting. longest_name: of the client, in characters."""
        return {
            "job": self.identity,
            "task": self.task,
            "client": self.client_name[:longest_name],
            "state": "cancelling" if self.cancelling else state,
            "fraction": self.fraction,
        }


def job_of(request: protocol.Message, client: ClientLink, owner: int, client_name: str) -> JobRecord:
    """A `submit` message, checked before, as a job. Raises ProtocolError if its order would be too long."""
    order = {name: request[name] for name in protocol.ORDERS["run"]}
    return JobRecord(
        identity=request["job"],
        task=request["task"],
        order=protocol.encode({"type": "run", **order}, protocol.ORDERS),
        folder=_results_folder(request["task"], request["out"]),
        plates=len(request["plates"]),
        finish=request["on_disconnect"] == "finish",
        owner=owner,
        client_name=client_name,
        client=client,
        first_plate=request["plates"][0],
    )


def tell(job: JobRecord, message: protocol.Message) -> None:
    """Tell a job's client something, if it is still there."""
    if job.client is not None:
        job.client.send(message)


def cancelled_message(job: str) -> protocol.Message:
    """A `cancelled` of the worker's own."""
    return {"type": "cancelled", "job": job}


def progress_message(job: JobRecord, stage: str, position: int | None = None) -> protocol.Message:
    """A `progress` of the worker's own: queued or starting."""
    return {
        "type": "progress",
        "job": job.identity,
        "stage": stage,
        "plate": "",
        "frame": 0,
        "frames": job.plates,
        "instance": "",
        "pass": 0,
        "fraction": job.fraction,
        "seconds_left": None,
        "position": position,
    }


def failed_message(job: str, kind: str, sentence: str) -> protocol.Message:
    """A `failed` of the worker's own. sentence: may hold what a process printed; made fit for a message."""
    plain = "".join(one if one.isprintable() else " " for one in sentence)
    return {
        "type": "failed",
        "job": job,
        "kind": kind,
        "message": plain[:LONGEST_TEXT],
        "exit_code": 1,
    }


def _results_folder(task: str, out: str | None) -> Path | None:
    """Where temporaries of a job may lie; None for a place that nobody can name."""
    if not out or not Path(out).is_absolute():
        return None
    return Path(out) if task in ("matte", "track", "collect") else Path(out).parent
