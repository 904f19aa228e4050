"""Entry point of `semantic-matte` and of `python -m semantic_matte`.

Ctrl-C is watched before the first library is imported: one that is interrupted while it loads may
swallow the interrupt and go on.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from semantic_matte.interrupts import (
    INTERRUPTED,
    end_interrupted,
    end_within_a_second,
    interrupted_exit_code,
)


def main() -> None:
    """Run the command line and end with its exit code."""
    # torch's threads spin while they wait: on shared cores that cost ten times the work.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        end_within_a_second()
        from semantic_matte import cli

        cli.app(prog_name=_program())
    except KeyboardInterrupt:
        end_interrupted()
    except SystemExit as ended:
        # Before a command runs, typer answers any signal as if it were Ctrl-C.
        if ended.code in (INTERRUPTED, interrupted_exit_code()):
            end_interrupted()
        raise


def _program() -> str:
    """The name that the user typed, for help texts."""
    name = Path(sys.argv[0]).name
    return "semantic-matte" if name in ("", "__main__.py") else name


if __name__ == "__main__":
    main()
