"""What runs now, in one line at the bottom of Blender's window."""

from __future__ import annotations

import bpy

# Workspaces whose line is ours now, by their session's number: each has its own line, and the artist may go
# from one to another.
_shown: set[int] = set()


def show(sentence: str) -> None:
    """Put a line into the status bar of every window; nothing where there is no window."""
    for workspace in _workspaces():
        workspace.status_text_set(f"Semantic Matte: {sentence}")
        _shown.add(workspace.session_uid)


def clear() -> None:
    """Give the status bar back to Blender, wherever `show` took it."""
    for workspace in bpy.data.workspaces:
        if workspace.session_uid in _shown:
            workspace.status_text_set(None)
    _shown.clear()


def _workspaces() -> list[bpy.types.WorkSpace]:
    """Those that are seen now, each once; none in a background process."""
    manager = bpy.context.window_manager
    if bpy.app.background or manager is None:
        return []
    return list({window.workspace.session_uid: window.workspace for window in manager.windows}.values())
