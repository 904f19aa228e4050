"""The engine process: loads torch and runs one job at a time, for the worker that started it.

`python -m semantic_matte.worker.engine_process` takes orders (`protocol.ORDERS`) as JSON lines on standard
input and tells reports (`protocol.REPORTS`) as JSON lines on standard output. It says `ready` before anything
heavy is loaded. It ends when its input closes or SIGTERM comes, at once and in the middle of whatever it does,
with nothing half written; Ctrl-C belongs to the shell that it may have been started from.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, NoReturn

from semantic_matte import __version__
from semantic_matte.outputs.atomic import discard_unfinished
from semantic_matte.worker.job_progress import Cancels
from semantic_matte.worker.tasks import Tasks
from semantic_matte_client import protocol
from semantic_matte_client.errors import ProtocolError

# Exit codes: the worker closed its end, as it does; or it asked by SIGTERM.
ENDED, TERMINATED = 0, 143


class Reports:
    """Where reports are told: one line each, whole, from whichever thread."""

    def __init__(self, descriptor: int) -> None:
        """descriptor: of a pipe that nobody else writes to."""
        self._descriptor = descriptor
        self._lock = threading.Lock()

    def tell(self, report: Mapping[str, Any]) -> None:
        """Write a report. Ends the process if the worker is gone. Raises ProtocolError for what is none."""
        line = protocol.encode(report, protocol.REPORTS) + b"\n"
        try:
            with self._lock:
                while line:
                    line = line[os.write(self._descriptor, line) :]
        except OSError:
            end(ENDED)


def main() -> None:
    """Serve until the input closes."""
    # As the command line does: torch's threads spin while they wait, which costs ten times the work.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _end_on_sigterm()
    orders, output = _own_pipes()
    reports = Reports(output)
    cancels = Cancels()
    jobs: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    reader = threading.Thread(target=_read, args=(orders, jobs, cancels, reports), daemon=True, name="orders")
    reader.start()
    reports.tell({"type": "ready", "version": __version__, "pid": os.getpid()})
    tasks = Tasks(reports.tell, cancels)
    while True:
        order = jobs.get()
        if order["type"] == "warm":
            tasks.warm()
        else:
            tasks.run(order)


def end(code: int) -> NoReturn:
    """End the process at once, whatever its other threads do, with nothing half written."""
    discard_unfinished()
    os._exit(code)


def _own_pipes() -> tuple[BinaryIO, int]:
    """The worker's two pipes under numbers of our own: (orders, descriptor for reports).

    What any library, in whichever language, reads from standard input is nothing, and what it prints goes where
    errors go.
    """
    orders, output = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return os.fdopen(orders, "rb"), output


def _end_on_sigterm() -> None:
    """End on SIGTERM, from a thread: the main one may be deep in native code."""
    if os.name != "posix":
        return
    # Threads that are started later inherit it, so that the signal waits for the one that asks.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})

    def wait() -> None:
        """Wait for the signal, and end."""
        signal.sigwait({signal.SIGTERM})
        end(TERMINATED)

    threading.Thread(target=wait, daemon=True, name="sigterm").start()


def _read(
    orders: BinaryIO, jobs: queue.SimpleQueue[dict[str, Any]], cancels: Cancels, reports: Reports
) -> None:
    """Take orders until their end, which is the process's."""
    try:
        for line in _lines(orders):
            try:
                order = protocol.decode(line, protocol.ORDERS)
            except ProtocolError as error:
                _refuse(line, str(error), reports)
                continue
            if order["type"] == "cancel":
                cancels.ask(order["job"])
                continue
            if order["type"] == "run":
                cancels.expect(order["job"])
            jobs.put(order)
    except Exception:
        traceback.print_exc()
    finally:
        # Whatever has happened: a process that hears no more orders must not stay.
        end(ENDED)


def _lines(orders: BinaryIO) -> Iterator[bytes]:
    """Lines without their ends; of one that is too long, as much as shows that it is."""
    longest = protocol.LONGEST_MESSAGE + 1
    while line := orders.readline(longest):
        rest = line
        while len(rest) == longest and not rest.endswith(b"\n"):
            rest = orders.readline(longest)
        yield line.rstrip(b"\n")


def _refuse(line: bytes, complaint: str, reports: Reports) -> None:
    """Tell that an order was not understood; whoever waits for the job that it names gets an answer."""
    print(f"An order was not understood. {complaint}", file=sys.stderr, flush=True)
    try:
        order = json.loads(line)
        job = order["job"] if order["type"] == "run" else ""
        reports.tell(
            {"type": "failed", "job": job, "kind": "crash", "message": complaint[:4096], "exit_code": 1}
        )
    except (ValueError, RecursionError, LookupError, TypeError, ProtocolError):
        return


if __name__ == "__main__":
    main()
