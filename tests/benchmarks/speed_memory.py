"""Seconds and memory of one frame, by frame size and number of objects.

    python tests/benchmarks/speed_memory.py [--sizes HD UHD] [--instances 1 5 20] [--estimator NAME]

Plates are synthetic (`synthetic_scene.py`), objects come in as mask hints, so segmenting is not
measured. Each case runs in a process of its own, after a first run on a small plate that loads and
compiles what there is to load. Memory is the process's peak resident size; `beyond MB` is what the
engine needed on top of its libraries, the plate, the hints and the mattes. Estimator `toy` (`toy_network.py`)
is a few convolutions on patches: with it the figures are those of patches and fusion themselves.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
import time
from typing import Any

import synthetic_scene
from report import add_json_option, print_table, write_json

SIZES = {"HD": (1080, 1920), "2K": (1080, 2048), "UHD": (2160, 3840), "8K": (4320, 7680)}
MEGABYTE = 1024 * 1024


class StageClock:
    """A Progress that adds up the seconds between events under the stage of the later event."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.last = time.perf_counter()

    def advance(self, event: Any) -> None:
        self.close(event.stage)

    def notice(self, message: str) -> None:
        """Notices are no part of a measurement."""

    def close(self, stage: str) -> None:
        now = time.perf_counter()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self.last
        self.last = now


def peak_bytes() -> int:
    """The largest resident size that this process ever had."""
    try:
        import resource
    except ImportError:
        raise SystemExit("Peak memory can be read on Linux and macOS only.") from None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def run_case(case: dict[str, Any]) -> dict[str, Any]:
    """One case, in this process; the best of its repeats by time."""
    import semantic_matte

    if case["settings"]["estimator"] == "toy":
        import toy_network  # noqa: F401 - registers itself

    settings = semantic_matte.Settings(**case["settings"])
    engine = semantic_matte.Engine(settings)
    plate, hints = synthetic_scene.scene(96, 128, 1, settings.seed)
    engine.matte(plate, hints=hints)
    libraries = peak_bytes()
    plate, hints = synthetic_scene.scene(*SIZES[case["size"]], case["instances"], settings.seed)
    best: dict[str, Any] = {}
    for _ in range(case["repeat"]):
        clock = StageClock()
        start = clock.last
        mattes = engine.matte(plate, hints=hints, progress=clock)
        clock.close("finishing")
        seconds = time.perf_counter() - start
        if not best or seconds < best["seconds"]:
            best = {"seconds": seconds, "stages": clock.seconds}
    masks = [hint.mask for hint in hints if hint.mask is not None]
    buffers = plate.pixels.nbytes + sum(mask.nbytes for mask in masks)
    for matte in mattes:
        buffers += matte.crop.nbytes
        # Zeros that nobody wrote are no memory in use.
        if matte.spread_crop is not None and matte.spread_crop.any():
            buffers += matte.spread_crop.nbytes
    peak = peak_bytes()
    return {
        **best,
        "peak": peak,
        "libraries": libraries,
        "buffers": buffers,
        "beyond": max(0, peak - libraries - buffers),
    }


def run_apart(case: dict[str, Any], limit: float | None) -> dict[str, Any]:
    """One case in a process of its own; what went wrong is part of the result."""
    command = [sys.executable, __file__, "--case", json.dumps(case)]
    named = {key: case[key] for key in ("size", "instances")}
    try:
        finished = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return named | {"failed": f"over {limit:g} s"}
    if finished.returncode != 0:
        return named | {"failed": f"exit code {finished.returncode}"}
    measured: dict[str, Any] = json.loads(finished.stdout.splitlines()[-1])
    return named | measured


def row(case: dict[str, Any]) -> dict[str, Any]:
    """A case as a line of the table."""
    megabytes = {
        f"{key} MB": round(case[key] / MEGABYTE) if key in case else None
        for key in ("peak", "libraries", "buffers", "beyond")
    }
    stages = case.get("stages", {})
    return {
        "size": case["size"],
        "objects": case["instances"],
        "seconds": case.get("seconds"),
        "by stage": case.get("failed")
        or ", ".join(f"{stage} {seconds:.2f}" for stage, seconds in stages.items()),
        **megabytes,
    }


def growth(cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """UHD over HD, which has four times fewer pixels, for each number of objects."""
    solved = {(case["size"], case["instances"]): case for case in cases if "seconds" in case}
    table = []
    for count in dict.fromkeys(case["instances"] for case in cases):
        small, large = solved.get(("HD", count)), solved.get(("UHD", count))
        if small and large:
            table.append(
                {
                    "objects": count,
                    "seconds UHD / HD": large["seconds"] / small["seconds"],
                    "beyond UHD / HD": large["beyond"] / max(small["beyond"], 1),
                }
            )
    return table


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--instances", type=int, nargs="+", default=[1, 5, 20])
    parser.add_argument("--estimator", default="closed_form", metavar="NAME")
    parser.add_argument("--passes", type=int, help="default: the engine's own")
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda", "mps"])
    parser.add_argument("--repeat", type=int, default=1, help="runs of each case; the best counts")
    parser.add_argument("--limit", type=float, metavar="SECONDS", help="longest time of one case")
    parser.add_argument("--case", type=json.loads, help=argparse.SUPPRESS)
    add_json_option(parser)
    return parser.parse_args()


def main() -> None:
    options = arguments()
    if options.case:
        print(json.dumps(run_case(options.case)))
        return
    settings = {"estimator": options.estimator, "device": options.device}
    if options.passes:
        settings["passes"] = options.passes
    cases = []
    for size, count in itertools.product(options.sizes, options.instances):
        case = {"size": size, "instances": count, "repeat": options.repeat, "settings": settings}
        cases.append(run_apart(case, options.limit))
        print(f"{size}, {count}: {cases[-1].get('failed', 'done')}", file=sys.stderr)
    print_table("One frame, objects as mask hints", [row(case) for case in cases])
    ratios = growth(cases)
    if ratios:
        print_table("Growth for 4 times the pixels", ratios)
    write_json(options.json, {"settings": settings, "cases": cases, "growth": ratios})


if __name__ == "__main__":
    main()
