"""Tries in a real Nuke what the plugin takes for granted: `nuke -t acceptance.py OUT.json [CHECK...]`.

It works on scripts of its own in a temporary folder and leaves nothing behind. The exit code is 0 if every
check is as expected, 1 if one is not, 2 for bad usage.
"""

from __future__ import annotations

import sys
from pathlib import Path

# Nuke runs a script without putting its folder on the path; __file__ is not there in every version.
PLACE = Path(globals().get("__file__", sys.argv[0])).resolve().parent
sys.path[:0] = [str(PLACE)]

from acceptance_checks.course import main  # noqa: E402 - the path comes first

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], PLACE))
