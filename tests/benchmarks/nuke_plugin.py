"""What the Nuke plugin adds around the engine's work for an HD frame, by parts, in the simulated Nuke.

    python tests/benchmarks/nuke_plugin.py [--repeat 5] [--json FILE]

The simulation renders in Python, which a real Nuke does not: its time stands beside the plugin's and is none
of it. Nothing is computed by the engine: the result that is applied is made of flat layers.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
sys.path[:0] = [str(ROOT / "tests" / "nuke" / "fake"), str(ROOT / "core"), str(Path(__file__).parent)]

import numpy as np  # noqa: E402 - the path comes first
import OpenEXR  # noqa: E402
from report import add_json_option, print_table, write_json  # noqa: E402

from fake_nuke import FakeNuke  # noqa: E402

SIZE = (1080, 1920)
INSTANCES = 8
# Of the plugin's own time for one HD frame, in milliseconds: the same as the Blender add-on's.
BAR = 1500.0


def write_exr(path: Path, channels: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    OpenEXR.File(header, channels).write(str(path))


def timed(found: dict[str, float], name: str, work: Any) -> Any:
    start = time.perf_counter()
    result = work()
    found[name] = found.get(name, 0.0) + 1000 * (time.perf_counter() - start)
    return result


def one_run(folder: Path) -> dict[str, float]:
    """Milliseconds by part, of one new Nuke."""
    found: dict[str, float] = {}
    with FakeNuke(gui=True) as host:
        timed(found, "start of the plugin", lambda: host.start(ROOT / "nuke_plugin"))
        pattern = f"{folder.as_posix()}/plates/plate.%04d.exr"
        read = host.nuke.nodes.Read(file=pattern, first=1001, last=1001, raw=True)
        host.save(folder / "shot.nk")
        import semantic_matte_nuke as sm

        node = timed(found, "create", lambda: sm.create(read))
        from semantic_matte_nuke import capture, compute_plan, node_results, source_record, stored_values

        plan = timed(found, "plan and describe", lambda: compute_plan.made_plan(node, 1001))
        place = folder / "capture_bench"
        captured = timed(found, "capture", lambda: capture.capture(node, plan, place, lambda *_: True))
        found["of it, rendered by Nuke"] = 1000 * captured.seconds["render and write"]
        slots = [
            {"slot": f"sm_person_{number:02d}", "label": "person", "score": 0.9, "frames": "1001"}
            for number in range(1, INSTANCES + 1)
        ]
        layers = {f"{slot['slot']}.A": np.full(SIZE, 0.5, np.float16) for slot in slots}
        write_exr(plan.folder / plan.views[0] / "plate.mattes.1001.exr", layers)

        text = json.dumps(
            {
                "folder": plan.folder.as_posix(),
                "views": list(plan.views),
                "stem": "plate",
                "frames": "1001",
                "offset": 0,
                "hold": False,
                "size": list(SIZE[::-1]),
                "words": "",
                "slots": slots,
            }
        )
        shown = stored_values.from_json(text)
        description = plan.description
        timed(
            found,
            "record of the source",
            lambda: source_record.write(plan.folder, description, plan.frames, json.loads(text)),
        )
        timed(found, "apply", lambda: node_results.apply_results(node, shown, "Semantic Matte: benchmark"))
        again = {**layers, "sm_person_01.A": np.full(SIZE, 0.25, np.float16)}
        write_exr(plan.folder / plan.views[0] / "plate.mattes.1001.exr", again)
        timed(found, "apply again", lambda: node_results.apply_results(node, shown, "Semantic Matte: again"))
    parts = ("plan and describe", "capture", "record of the source", "apply")
    found["all of the plugin"] = sum(found[name] for name in parts) - found["of it, rendered by Nuke"]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=5, help="runs")
    add_json_option(parser)
    options = parser.parse_args()
    runs = []
    for _ in range(options.repeat + 1):
        with tempfile.TemporaryDirectory(prefix="sm-") as scratch:
            pixels = np.random.default_rng(0).random(SIZE).astype(np.float16)
            write_exr(Path(scratch) / "plates" / "plate.1001.exr", dict.fromkeys("RGB", pixels))
            runs.append(one_run(Path(scratch)))
    # The first one compiles what the others find compiled.
    rows = [
        {
            "what": name,
            "median ms": statistics.median(run[name] for run in runs[1:]),
            "worst ms": max(run[name] for run in runs[1:]),
        }
        for name in runs[0]
    ]
    print_table(f"HD frame, {INSTANCES} instances", rows)
    value = rows[-1]["median ms"]
    print(f"Bar: below {BAR:g} ms; {'kept' if value < BAR else 'MISSED'} with {value:.1f}.")
    write_json(options.json, {"nuke_plugin": rows})


if __name__ == "__main__":
    main()
