"""What the worker costs: against the same HD job in-process, to its first event, in a host's memory, from cold.

    python tests/benchmarks/worker.py [--photo PICTURE] [--find cup] [--repeat 7] [--events 50] [--device auto]

The HD plate is a photo enlarged to 1920x1080, of which one object is matted, else by default. Worker and
in-process engine take turns on it, warm, each writing all its files into a new folder; the ratio is that of the
medians, and the best of each is shown too. `accepted` and `at work` are milliseconds from the call of `submit`
in a bare Python to the worker's word that it has the job, and to the engine's first word on it. Memory is the
resident size of a bare Python before it imports the client and at its highest in a whole job. The cold start is
that of a worker that did not run, with its parts; files are in the system's cache.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
from report import add_json_option, print_table, write_json

from semantic_matte.engine import Engine
from semantic_matte.jobs import MatteRequest, matte_files
from semantic_matte.ports import SilentProgress
from semantic_matte.settings import Settings
from semantic_matte_client.client import Client

CORE = Path(__file__).parent.parent.parent / "core"
PHOTO = Path(__file__).parent.parent / "data" / "photos" / "coffee.png"

# Bars of the project: share of a job, milliseconds, megabytes, seconds.
DEAREST, SLOWEST_EVENT, LARGEST_HOST, SLOWEST_CANCEL = 0.03, 50.0, 20.0, 0.5

# In a Python that has nothing but the standard library, as a host has.
EVENTS = """
import json, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from semantic_matte_client.client import Client
times = []
with Client(python=sys.argv[2], device=sys.argv[3], runtime=Path(sys.argv[4])) as client:
    for turn in range(int(sys.argv[7]) + 2):
        start = time.perf_counter()
        job = client.submit("segment", [sys.argv[5]])
        seen = {}
        while not job.poll():
            for event in job.events:
                at_work = event["type"] == "progress" and event["stage"] != "queued"
                name = "accepted" if event["type"] == "accepted" else "at work" if at_work else None
                if name:
                    seen.setdefault(name, (time.perf_counter() - start) * 1000)
            time.sleep(0.0005)
        if turn >= 2:
            times.append(seen)
print(json.dumps(times))
"""
MEMORY = """
import json, sys
from pathlib import Path
def resident(field):
    text = Path("/proc/self/status").read_text()
    return int(next(line.split()[1] for line in text.splitlines() if line.startswith(field))) / 1024
before = resident("VmRSS")
sys.path.insert(0, sys.argv[1])
import semantic_matte_client as sm
imported = resident("VmRSS")
from semantic_matte_client.client import Client
with Client(python=sys.argv[2], device=sys.argv[3], runtime=Path(sys.argv[4])) as client:
    client.submit("matte", [sys.argv[5]], out=sys.argv[6]).wait()
print(json.dumps({"before": before, "imported": imported, "highest": resident("VmHWM")}))
"""


def hd_plate(photo: Path, folder: Path) -> Path:
    """The photo, enlarged and cut to 1920x1080."""
    picture = cv2.imread(str(photo))
    scale = max(1920 / picture.shape[1], 1080 / picture.shape[0])
    size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
    place = folder / "hd.png"
    cv2.imwrite(str(place), cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC)[:1080, :1920])
    small = cv2.resize(picture, (96, 64), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(folder / "small.png"), small)
    return place


def in_bare_python(code: str, *arguments: object) -> Any:
    """What a script prints in an interpreter that sees no installed packages."""
    command = [sys.executable, "-I", "-S", "-c", code, str(CORE), sys.executable, *map(str, arguments)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def cold_start(client: Client, plate: Path) -> list[dict[str, Any]]:
    """Seconds from nothing to a result, by part."""
    start = time.perf_counter()
    client.start()
    ready = time.perf_counter()
    job = client.submit("segment", [plate])
    marks = {}
    while not job.poll():
        for event in job.events:
            name = event.get("stage", event["type"])
            marks.setdefault(name, time.perf_counter())
        time.sleep(0.001)
    ended = time.perf_counter()
    loaded = marks.get("reading", ended)
    return [
        {"part": "worker started, hands shaken", "seconds": ready - start},
        {"part": "job accepted", "seconds": marks["accepted"] - ready},
        {"part": "engine process loads torch and libraries", "seconds": loaded - marks["accepted"]},
        {"part": "models loaded, objects found (96x64)", "seconds": ended - loaded},
        {"part": "in all", "seconds": ended - start},
    ]


def against_in_process(
    client: Client, plate: Path, folder: Path, settings: dict[str, Any], repeat: int
) -> list[dict[str, Any]]:
    """Seconds of the same job both ways, taking turns; the first turn only warms up."""
    engine = Engine(Settings(**settings))
    seconds: dict[str, list[float]] = {"in-process": [], "worker": []}
    for turn in range(repeat + 1):
        for name, found in seconds.items():
            out = folder / f"{name}-{turn}"
            start = time.perf_counter()
            if name == "worker":
                client.submit("matte", [plate], out=out, settings=settings).wait()
            else:
                matte_files(engine, MatteRequest((plate,), out), SilentProgress())
            if turn:
                found.append(time.perf_counter() - start)
    median = {name: statistics.median(found) for name, found in seconds.items()}
    best = {name: min(found) for name, found in seconds.items()}
    return [
        {
            "job": name,
            "median s": median[name],
            "/ in-process": median[name] / median["in-process"],
            "best s": best[name],
            "best / in-process": best[name] / best["in-process"],
        }
        for name in seconds
    ]


def first_events(*arguments: object) -> list[dict[str, Any]]:
    """Milliseconds to the first words of a warm worker."""
    times = in_bare_python(EVENTS, *arguments)
    rows = []
    for name in ("accepted", "at work"):
        found = sorted(seen[name] for seen in times)
        rows.append(
            {"event": name, "median ms": statistics.median(found), "slowest ms": found[-1], "jobs": len(found)}
        )
    return rows


def cancels(
    client: Client, plate: Path, folder: Path, settings: dict[str, Any], longest: float, count: int
) -> list[dict[str, Any]]:
    """Seconds from a cancel at a random moment of the HD job to its end; how many engines had to be killed."""
    generator = random.Random(0)
    seconds, killed = [], 0
    for turn in range(count):
        job = client.submit("matte", [plate], out=folder / f"cancelled-{turn}", settings=settings)
        until = time.perf_counter() + generator.uniform(0, longest)
        while time.perf_counter() < until:
            job.poll()
            time.sleep(0.01)
        engine = (client.status() or {})["engine_pid"]
        start = time.perf_counter()
        job.cancel()
        while not job.poll():
            time.sleep(0.001)
        seconds.append(time.perf_counter() - start)
        killed += (client.status() or {})["engine_pid"] != engine
    return [
        {
            "cancels": count,
            "median s": statistics.median(seconds),
            "slowest s": max(seconds),
            "engines killed": killed,
        }
    ]


def verdict(what: str, value: float, bar: float, unit: str) -> None:
    """One line for a bar."""
    print(f"Bar: {what} below {bar:g} {unit}; {'kept' if value < bar else 'MISSED'} with {value:.2f}.")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photo", type=Path, default=PHOTO)
    parser.add_argument("--find", default="cup", help="the object in the photo")
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--events", type=int, default=50)
    parser.add_argument("--cancels", type=int, default=12)
    parser.add_argument("--device", default="auto")
    add_json_option(parser)
    return parser.parse_args()


def main() -> None:
    options = arguments()
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    with tempfile.TemporaryDirectory(prefix="sm-") as scratch:
        folder, runtime = Path(scratch), Path(scratch) / "run"
        runtime.mkdir(mode=0o700)
        os.environ["SEMANTIC_MATTE_RUNTIME"] = str(runtime)
        plate, small = hd_plate(options.photo, folder), folder / "small.png"
        with Client(python=sys.executable, device=options.device, runtime=runtime) as client:
            cold = cold_start(client, small)
            print_table("Cold start", cold)
            place = (options.device, runtime, small, folder / "out")
            events = first_events(*place, options.events)
            print_table("First words after submit, warm worker", events)
            memory = in_bare_python(MEMORY, *place)
            print_table("A host's memory, MB", [memory])
            settings = {"device": options.device, "find": [options.find]}
            jobs = against_in_process(client, plate, folder, settings, options.repeat)
            print_table(f"The same HD job, {options.photo.name}", jobs)
            ends = cancels(client, plate, folder, settings, jobs[1]["median s"], options.cancels)
            print_table("Cancels at random moments of that job", ends)
            client.stop()
    verdict("first event", events[0]["median ms"], SLOWEST_EVENT, "ms")
    verdict("engine's first word", events[1]["median ms"], SLOWEST_EVENT, "ms")
    verdict("a host's memory for the client", memory["highest"] - memory["before"], LARGEST_HOST, "MB")
    verdict("worker's own cost", (jobs[1]["/ in-process"] - 1) * 100, DEAREST * 100, "% of the job")
    verdict("slowest cancel", ends[0]["slowest s"], SLOWEST_CANCEL, "s")
    write_json(options.json, {"cancels": ends, "cold": cold, "events": events, "memory": memory, "jobs": jobs})


if __name__ == "__main__":
    main()
