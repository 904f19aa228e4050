"""`python -m semantic_matte.worker`: the process that hosts connect to.

It prints one line of JSON: that it is ready and where, that another one serves already, or why it can't be.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import sys
import time
from collections.abc import Sequence
from typing import Any

from semantic_matte.worker.engine_handle import ENGINE_COMMAND
from semantic_matte.worker.lock import WorkerLock
from semantic_matte.worker.logs import WorkerLog, log, log_unexpected
from semantic_matte.worker.presence import Presence, read_info
from semantic_matte.worker.server import Server, Times
from semantic_matte_client.errors import ClientError
from semantic_matte_client.protocol import PROTOCOL
from semantic_matte_client.runtime import WorkerFiles, slot_files, worker_slot
from semantic_matte_client.version import VERSION

# Seconds that another worker may take to be reachable, or to end.
_TURN_SECONDS = 10.0
_LOOK_SECONDS = 0.02


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the worker of this user and slot, unless there is one. Returns the exit code."""
    options = _options(arguments)
    return run(options.slot, Times(options.unload_after, options.idle_exit))


def run(slot: str, times: Times, engine_command: Sequence[str] = ENGINE_COMMAND) -> int:
    """Serve as the worker of a slot, or tell who does. engine_command: what starts the engine process."""
    try:
        files = slot_files(slot)
        lock = WorkerLock(files.lock)
        other = _wait_for_turn(lock, files)
    except ClientError as error:
        return _not_ready(str(error))
    except OSError as reason:
        return _not_ready(f"The worker's lock can't be used ({reason}): allow it, or name another folder.")
    if other is not None:
        _say({"ready": True, "own": False, "pid": other["pid"], "address": other["address"]})
        return 0
    try:
        return _serve(lock, files, times, engine_command)
    finally:
        lock.release()


def _serve(lock: WorkerLock, files: WorkerFiles, times: Times, engine_command: Sequence[str]) -> int:
    """Be found, and serve. The lock is held."""
    worker_log = WorkerLog(files.log)
    log_unexpected()
    path = str(worker_log.path or "")
    presence = Presence(files, path)
    server = Server(lock, presence, files.slot, path, times, engine_command)
    try:
        server.begin()
    except OSError as reason:
        return _not_ready(f"The worker can't be put where clients look ({reason}): free space or allow it.")
    log.info("worker %d: version %s, slot %s, %s", os.getpid(), VERSION, files.slot, sys.executable)
    ready = {"ready": True, "own": True, "pid": os.getpid(), "address": presence.address, "slot": files.slot}
    _say({**ready, "version": VERSION, "protocol": PROTOCOL, "log": path})
    worker_log.take_over_streams()
    try:
        return server.serve()
    finally:
        worker_log.close()


def _wait_for_turn(lock: WorkerLock, files: WorkerFiles) -> dict[str, Any] | None:
    """Take the lock and return None, or return what the worker says of itself that holds it.

    One that holds it and can't be reached is just starting or just ending; it is waited for. Raises OSError.
    """
    limit = time.monotonic() + _TURN_SECONDS
    while not lock.acquire():
        info = read_info(files)
        if info is not None and info["pid"] == lock.holder():
            return info
        if time.monotonic() > limit:
            raise TimeoutError(
                f"process {lock.holder()} has held '{files.lock}' for {_TURN_SECONDS:g} s and takes no "
                "clients; wait until it has ended, or end it"
            )
        time.sleep(_LOOK_SECONDS)
    return None


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m semantic_matte.worker",
        description="Serve Nuke, Blender, consoles and shells. Clients start it by themselves.",
    )
    parser.add_argument("--slot", default=worker_slot("auto"), help="whose worker it is: gpu, cpu, gpu-0")
    for name, default, what in (
        ("--unload-after", Times().unload_after, "until models are unloaded"),
        ("--idle-exit", Times().idle_exit, "until it ends"),
    ):
        parser.add_argument(
            name, type=_seconds, default=default, metavar="SECONDS", help=f"without a job {what} (%(default)g)"
        )
    return parser.parse_args(arguments)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not (math.isfinite(seconds) and seconds > 0):
        raise ValueError
    return seconds


def _not_ready(reason: str) -> int:
    _say({"ready": False, "reason": reason})
    return 1


def _say(line: dict[str, Any]) -> None:
    """One line to whoever started us, who may have gone."""
    with contextlib.suppress(OSError, ValueError):
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    sys.exit(main())
