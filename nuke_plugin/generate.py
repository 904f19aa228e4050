"""Make mattes from a shell or a farm: `nuke -t generate.py script.nk node 1001-1050 [--save]`; see --help."""

from __future__ import annotations

import sys
from pathlib import Path


def _find_parts(entry: str) -> None:
    """Put this folder, and in a clone the client's, on the path where a farm has not installed the plugin."""
    here = Path(entry).resolve().parent
    if str(here) not in sys.path:
        sys.path.insert(0, str(here))
    core = here.parent / "core"
    if (core / "semantic_matte_client").is_dir() and str(core) not in sys.path:
        sys.path.append(str(core))


if __name__ == "__main__":
    # Nuke runs a script without its file's name in some versions.
    _find_parts(globals().get("__file__") or sys.argv[0])
    from semantic_matte_nuke import terminal_run

    sys.exit(terminal_run.main())
