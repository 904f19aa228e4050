"""Print a command of the README: the code block that follows the marker <!-- command: NAME -->."""

from __future__ import annotations

import re
import sys
from pathlib import Path


def main() -> None:
    """Print the block named by the first argument, or end with 1."""
    name = sys.argv[1]
    text = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    found = re.search(rf"<!-- command: {re.escape(name)} -->\s*```sh\n(.*?)```", text, re.DOTALL)
    if found is None:
        raise SystemExit(f"README.md has no command named '{name}'.")
    print(found.group(1).strip())


if __name__ == "__main__":
    main()
