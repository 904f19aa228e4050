"""The worker as it is, with another engine process than its own: `SLOT UNLOAD IDLE CLOCK COMMAND...`.

CLOCK: seconds by which the wall clock jumps to and fro every 50 ms; 0 leaves it alone.
"""

from __future__ import annotations

import itertools
import sys
import threading
import time

from semantic_matte.worker.__main__ import run
from semantic_matte.worker.server import Times


def jump(seconds: float) -> None:
    """Move what `time.time` says: ahead, back, right."""
    real = time.time
    for offset in itertools.cycle((seconds, -seconds, 0.0)):
        time.time = lambda offset=offset: real() + offset
        time.sleep(0.05)


slot, unload, idle, clock, *command = sys.argv[1:]
if float(clock):
    threading.Thread(target=jump, args=(float(clock),), daemon=True).start()
sys.exit(run(slot, Times(float(unload), float(idle)), command))
