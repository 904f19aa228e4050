"""What Nuke calls of ours: at a script's opening, a node's creation and end, and before renders.

Everything else is imported when it is first needed, as this is loaded at every start. Only a matte that is
missing or out of date may end a render; a fault of ours is told, and the render goes on.
"""

from __future__ import annotations

import sys
import traceback
from typing import Callable, Optional

import nuke

_MARKER = "semantic_matte"
# It stays where the module is loaded again: Nuke keeps what was given to it.
_registered: bool = bool(globals().get("_registered", False))


def register() -> None:
    """Give Nuke all of them; a second time does nothing."""
    global _registered
    if _registered:
        return
    _registered = True
    nuke.addOnCreate(_on_create, nodeClass="Group")
    nuke.addOnDestroy(_on_destroy, nodeClass="Group")
    nuke.addOnScriptLoad(_on_script_load)
    nuke.addOnScriptClose(_on_script_close)
    nuke.addBeforeRender(_before_render)
    nuke.addBeforeFrameRender(_before_frame_render)
    if nuke.GUI:
        nuke.addAutolabel(_autolabel, nodeClass="Group")


def _told(work: Callable[[], object]) -> None:
    """Do it; what goes wrong is printed, and is nobody's trouble."""
    try:
        work()
    except Exception:
        traceback.print_exc()


def _is_ours() -> bool:
    """Whether the callback is about a node of ours."""
    return nuke.thisNode().knob(_MARKER) is not None


def _there_are_nodes() -> bool:
    """Whether the script has a node of ours: without one nothing more is loaded."""
    from . import node_finding

    return bool(node_finding.all_nodes())


def _on_create() -> None:
    """A node came: made, pasted, opened, or by undo."""

    def created() -> None:
        """Only for ours."""
        if _is_ours():
            from . import node_callbacks

            node_callbacks.on_create()

    _told(created)


def _on_destroy() -> None:
    """A node goes: what is generated for it ends."""

    def destroyed() -> None:
        """Nothing runs where nothing was ever loaded for it."""
        running = sys.modules.get(f"{__package__}.running")
        if running is not None and _is_ours():
            running.node_destroyed(str(nuke.thisNode()["semantic_matte_identity"].value()))

    _told(destroyed)


def _on_script_close() -> None:
    """The script goes: what is generated for its nodes ends."""

    def closed() -> None:
        """Nothing runs where nothing was ever loaded for it."""
        running = sys.modules.get(f"{__package__}.running")
        if running is not None:
            running.script_closed()

    _told(closed)


def _on_script_load() -> None:
    """A script was opened."""
    _on_script_close()

    def loaded() -> None:
        """Nodes of older versions are upgraded, leftovers swept."""
        if _there_are_nodes():
            from . import node_callbacks

            node_callbacks.on_script_load()

    _told(loaded)


def _before_render() -> None:
    """A Write begins. Raises RenderRefusedError, which ends the render."""
    _checked("before_render")


def _before_frame_render() -> None:
    """A Write begins with a frame. Raises RenderRefusedError, which ends the render."""
    _checked("before_frame_render")


def _checked(name: str) -> None:
    """Run a check of the render. Raises RenderRefusedError alone."""
    try:
        if not _there_are_nodes():
            return
        from . import render_check
    except Exception:
        traceback.print_exc()
        return
    try:
        getattr(render_check, name)()
    except render_check.RenderRefusedError:
        raise
    except Exception:
        traceback.print_exc()


def _autolabel() -> Optional[str]:
    """The text on a node of ours; None leaves it to Nuke."""
    try:
        if not _is_ours():
            return None
        from . import node_callbacks

        return node_callbacks.autolabel()
    except Exception:
        traceback.print_exc()
        return None
