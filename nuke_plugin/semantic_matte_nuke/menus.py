"""Toolbar, Nodes menu and menu bar; what an entry does is imported when it is chosen."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any, Callable

import nuke

TITLE = "Semantic Matte"
NETWORK = "Semantic Matte Network"
_ICON = "semantic_matte.png"
_FOLDER = Path(__file__).resolve().parent.parent


def register() -> None:
    """Add the entries; those that are there already are not added twice."""
    nuke.pluginAddPath(str(_FOLDER / "icons").replace("\\", "/"), addToSysPath=False)
    # The Tab menu of the node graph lists what is in here.
    toolbar = _menu(nuke.menu("Nodes"), _ICON)
    _add(toolbar, TITLE, _create, _ICON)
    if _network_file():
        _add(toolbar, NETWORK, _create_network, _ICON)
    menu = _menu(nuke.menu("Nuke"), "")
    _add(menu, "Create", _create)
    _add(menu, "Generate Frame", lambda: _press_all("generate_frame"))
    _add(menu, "Generate Range", lambda: _press_all("generate_range"))
    _add(menu, "Farm Check", _farm_check)
    _add(menu, "Troubleshoot", _troubleshoot)
    _add(menu, "Copy Log", _copy_log)
    _add(menu, "Documentation", _documentation)


def _menu(parent: Any, icon: str) -> Any:
    """Our menu in another one."""
    found = parent.findItem(TITLE)
    return found if found is not None else parent.addMenu(TITLE, icon=icon)


def _add(menu: Any, name: str, call: Callable[[], None], icon: str = "") -> None:
    """An entry of a menu, unless it is there."""
    if menu.findItem(name) is None:
        menu.addCommand(name, lambda: _guarded(call), icon=icon)


def _guarded(call: Callable[[], None]) -> None:
    """Do what an entry is for; what goes wrong becomes a sentence, a fault of ours a traceback too."""
    from . import host

    try:
        call()
    except Exception as reason:
        if type(reason).__module__.partition(".")[0] in ("semantic_matte_nuke", "semantic_matte_client"):
            host.tell(str(reason))
            return
        traceback.print_exc()
        host.tell(
            f"This is a fault of the plugin ({type(reason).__name__}: {reason}). The Script Editor shows "
            "where: please report it, with what Copy Log gives."
        )


def _create() -> None:
    """Make a node behind the selected one."""
    from . import node_making

    node_making.create()


def _network_file() -> str:
    """The .cat that the engine's network was made into, "" where there is none."""
    from . import network_file

    return network_file.found(nuke.pluginPath(), str(_FOLDER))


def _create_network() -> None:
    """Make a group around Nuke's Inference node."""
    from . import inference_group

    inference_group.create(_network_file())


def _press_all(button: str) -> None:
    """Press a button of each selected node of ours."""
    from . import computation, host, node_finding

    selected = nuke.selectedNodes()
    nodes = [one for one in selected if isinstance(one, nuke.Group) and node_finding.is_ours(one)]
    if not nodes:
        host.tell("No Semantic Matte node is selected: select those that mattes shall be generated for.")
        return
    for node in nodes:
        frame = host.current_frame() if button == "generate_frame" else None
        computation.start(node, frame, by_click=True)


def _farm_check() -> None:
    """Check every node of ours in the script."""
    from . import farm_check, host

    host.tell(farm_check.report_of_all())


def _troubleshoot() -> None:
    """Examine everything between Nuke and a matte."""
    from . import troubleshooting

    troubleshooting.start()


def _copy_log() -> None:
    """Write down what was said."""
    from . import troubleshooting

    troubleshooting.copy_log()


def _documentation() -> None:
    """Open the manual."""
    from . import cache_actions

    cache_actions.open_path(_FOLDER / "README.md")
