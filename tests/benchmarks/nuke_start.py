"""What Semantic Matte adds to a start of Nuke: `python tests/benchmarks/nuke_start.py`.

Each row is the median over fresh interpreters: the entry files run in the tests' stand-in for Nuke, whose own
start and calls are timed beside it and taken off. Bar: 50 ms together.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BAR = 50.0
RUNS = 15

# The host's own time: its calls that registering makes, made once more with functions that do nothing.
TIMED = """
import sys, time
sys.path[:0] = [sys.argv[1], sys.argv[2]]
from fake_nuke import FakeNuke
gui = sys.argv[4] == "gui"
host = FakeNuke(version=(15, 1), gui=gui)
spent = 0.0
with host:
    nuke = host.nuke
    sys.path.insert(0, sys.argv[3])
    def timed(call):
        def inner(*arguments, **more):
            global spent
            begun = time.perf_counter()
            try:
                return call(*arguments, **more)
            finally:
                spent += time.perf_counter() - begun
        return inner
    for name in [one for one in dir(nuke) if one.startswith("add")] + ["menu", "pluginAddPath", "pluginPath"]:
        setattr(nuke, name, timed(getattr(nuke, name)))
    texts = [open(sys.argv[3] + "/" + name).read() for name in ("init.py", "menu.py")[: 1 + gui]]
    begun = time.perf_counter()
    for text in texts:
        exec(compile(text, "entry", "exec"), {})
    took = time.perf_counter() - begun
    assert host.printed == [], host.printed
    print((took - spent) * 1000.0)
"""


def milliseconds(mode: str) -> float:
    """One start in a fresh interpreter."""
    done = subprocess.run(
        [
            *(sys.executable, "-c", TIMED, str(ROOT / "tests" / "nuke" / "fake"), str(ROOT / "core")),
            *(str(ROOT / "nuke_plugin"), mode),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout.splitlines()[-1])


def main() -> int:
    """Print the rows; 1 where the bar is not met."""
    worst = 0.0
    for mode, what in (("gui", "init.py and menu.py, with a window"), ("terminal", "init.py, nuke -t")):
        # The first start may write bytecode.
        milliseconds(mode)
        found = sorted(milliseconds(mode) for _ in range(RUNS))
        median = statistics.median(found)
        worst = max(worst, median)
        print(f"{what}: {median:.1f} ms (fastest {found[0]:.1f}, slowest {found[-1]:.1f}, {RUNS} starts)")
    print(f"bar: {BAR:g} ms")
    return int(worst > BAR)


if __name__ == "__main__":
    sys.exit(main())
