"""What the parts share: the clone's add-on in a Blender of its own, and the answer's file. Inside Blender."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "blender"))

import addon_place

Rows = list[dict[str, object]]


class Stopwatch:
    """Rows of what took how long, in milliseconds."""

    def __init__(self) -> None:
        self.rows: Rows = []

    @contextlib.contextmanager
    def timed(self, what: str) -> Iterator[None]:
        """Add a row for what runs inside."""
        start = time.perf_counter()
        yield
        self.rows.append({"what": what, "ms": (time.perf_counter() - start) * 1000})


def measure(part: Callable[[], Rows]) -> None:
    """Place the add-on, run the part and write its rows where the first argument says; ends the process.

    One row is called "all": it is held against the bar.
    """
    code = 1
    resources = Path(os.environ["BLENDER_USER_RESOURCES"])
    try:
        shutil.rmtree(resources, ignore_errors=True)
        addon_place.place_addon(resources)
        rows = part()
        Path(sys.argv[1]).write_text(json.dumps(rows), encoding="utf-8")
        code = 0
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    # Some Blenders never end by themselves.
    os._exit(code)


def enable() -> None:
    """Enable the add-on as the preferences' checkbox does. Raises what it raises."""
    import addon_utils

    errors: list[Exception] = []
    addon_utils.enable(addon_place.MODULE, default_set=True, handle_error=errors.append)
    if errors:
        raise errors[0]
