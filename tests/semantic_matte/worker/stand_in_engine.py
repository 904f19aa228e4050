"""A stand-in for the engine process, for tests of the worker in which a stage must be held, or go wrong.

Run as a script, it speaks as `semantic_matte.worker.engine_process` does. What it does with a job stands in the
job's settings: `act`, and `seconds` to wait. Options: see `main`.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from semantic_matte.outputs.leftovers import temporary_beside
from semantic_matte_client.version import VERSION

cancelled: set[str] = set()


def tell(report: dict[str, Any]) -> None:
    sys.stdout.buffer.write(json.dumps(report).encode() + b"\n")
    sys.stdout.buffer.flush()


def progress(job: str, fraction: float) -> None:
    counts = {"plate": "", "frame": 1, "frames": 1, "instance": "", "pass": 0}
    tell(
        {
            "type": "progress",
            "job": job,
            "stage": "matting",
            "fraction": fraction,
            "seconds_left": None,
            **counts,
        }
    )


def done(job: str) -> None:
    tell({"type": "done", "job": job, "seconds": 0.0})


def wait_cancelled(job: str) -> None:
    while job not in cancelled:
        time.sleep(0.005)


def work(order: dict[str, Any]) -> None:
    job, settings = order["job"], order["settings"]
    act = settings.get("act", "quick")
    if act == "mute":
        os._exit(4)
    progress(job, 0.25)
    time.sleep(settings.get("seconds", 0))
    if act == "hold":
        wait_cancelled(job)
        tell({"type": "cancelled", "job": job})
    elif act == "deaf":
        time.sleep(600)
    elif act == "write":
        half = temporary_beside(Path(order["out"]) / "plate.mattes.exr")
        half.write_bytes(b"half")
        progress(job, 0.5)
        time.sleep(600)
    elif act == "crossing":
        wait_cancelled(job)
        done(job)
    elif act == "close":
        os.close(1)
        time.sleep(600)
    elif act == "exit":
        print("the picture is damaged", file=sys.stderr, flush=True)
        os._exit(3)
    elif act == "signal":
        os.kill(os.getpid(), signal.Signals[settings["signal"]])
    elif act == "babble":
        os.write(1, settings["text"].encode() + b"\n")
        time.sleep(600)
    elif act == "notices":
        for number in range(settings["count"]):
            tell({"type": "notice", "job": job, "message": f"{number} " + "x" * settings["length"]})
        done(job)
    elif act == "many":
        for number in range(settings["count"]):
            progress(job, number / settings["count"])
        done(job)
    elif act == "print":
        for number in range(settings["count"]):
            print(f"line {number} " + "y" * 100, file=sys.stderr, flush=True)
        done(job)
    elif act == "bug":
        tell({"type": "failed", "job": job, "kind": "crash", "message": "This is a bug.", "exit_code": 1})
    else:
        done(job)


def read(jobs: queue.SimpleQueue[dict[str, Any]]) -> None:
    for line in sys.stdin.buffer:
        order = json.loads(line)
        if order["type"] == "cancel":
            cancelled.add(order["job"])
        elif order["type"] == "warm":
            print("loads what every job needs", file=sys.stderr, flush=True)
        else:
            jobs.put(order)
    os._exit(0)


def main() -> None:
    """version: what it calls itself. start: seconds until it is ready. fail: it ends instead. deaf: to its end.

    given: a file to which it appends each job's number and the time by the monotonic clock.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--version", default=VERSION)
    parser.add_argument("--start", type=float, default=0.0)
    parser.add_argument("--fail", action="store_true")
    parser.add_argument("--given", type=Path)
    options = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    jobs: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=read, args=(jobs,), daemon=True).start()
    time.sleep(options.start)
    if options.fail:
        print("ModuleNotFoundError: No module named 'torch'", file=sys.stderr, flush=True)
        os._exit(1)
    tell({"type": "ready", "version": options.version, "pid": os.getpid()})
    while True:
        order = jobs.get()
        if options.given is not None:
            with options.given.open("a") as stream:
                stream.write(f"{order['job']} {time.monotonic()}\n")
        work(order)


main()
