"""A Nuke of ours for tests: it behaves as Nuke does, and refuses what Nuke refuses. See FACTS.md beside it."""

from __future__ import annotations

from .host import FakeNuke
from .runtime import ThreadError
from .scripts import ScriptError
from .versions import PROFILES

__all__ = ["PROFILES", "FakeNuke", "ScriptError", "ThreadError"]
