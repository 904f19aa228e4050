"""What each button does. What goes wrong becomes a sentence in a dialog; a fault of ours a traceback too."""

from __future__ import annotations

import traceback
from typing import Callable

import nuke

from . import host, node_finding

_PACKAGES = ("semantic_matte_nuke", "semantic_matte_client")


def press(name: str) -> None:
    """Do what a button of `nuke.thisNode()` is for. Never raises."""
    try:
        node = node_finding.resolve(nuke.thisNode())
        _BUTTONS[name](node)
    except ImportError as reason:
        host.tell(
            f"The Semantic Matte plugin is not whole here ({reason}): run 'semantic-matte install nuke' in a "
            "shell again and restart Nuke. The comp renders without it."
        )
    except Exception as reason:
        if type(reason).__module__.partition(".")[0] in _PACKAGES:
            # The text of each of our own errors is a sentence for the artist.
            host.tell(str(reason))
            return
        traceback.print_exc()
        host.tell(
            f"This is a fault of the plugin ({type(reason).__name__}: {reason}). The Script Editor shows "
            "where: please report it, with what Copy Log gives."
        )


def _generate_frame(node: nuke.Group) -> None:
    """The frame that Nuke stands at."""
    from . import computation

    computation.start(node, host.current_frame(), by_click=True)


def _generate_range(node: nuke.Group) -> None:
    """The range that the panel says."""
    from . import computation

    computation.start(node, by_click=True)


def _cancel(node: nuke.Group) -> None:
    """End the run of this node."""
    from . import running

    if not running.cancel(node_finding.identity(node)):
        host.tell(f"Nothing is being generated for '{node.name()}'.")


def _open_cache(node: nuke.Group) -> None:
    """Show the files."""
    from . import cache_actions

    cache_actions.open_cache(node)


def _clear_cache(node: nuke.Group) -> None:
    """Remove what is not shown."""
    from . import cache_actions

    cache_actions.clear_cache(node)


def _load_results(node: nuke.Group) -> None:
    """Show what was made elsewhere."""
    from . import cache_actions

    chosen = nuke.getFilename("Result to show: its NAME.matte.json", "*.matte.json")
    if chosen:
        cache_actions.load_results(node, chosen)


def _contact_sheet(node: nuke.Group) -> None:
    """Open the picture of what was found."""
    from . import cache_actions

    cache_actions.contact_sheet(node)


def _farm_check(node: nuke.Group) -> None:
    """Tell what a farm would miss."""
    from . import render_check

    host.tell(render_check.farm_check(node))


def _bake(node: nuke.Group) -> None:
    """Put plain nodes in its place."""
    from . import baking

    baking.bake(node)


def _troubleshoot(node: nuke.Group) -> None:
    """Examine everything; the answer comes when it is there."""
    from . import troubleshooting

    troubleshooting.start()


def _copy_log(node: nuke.Group) -> None:
    """Write down what was said."""
    from . import troubleshooting

    troubleshooting.copy_log()


def _merge(node: nuke.Group) -> None:
    """Merge the first chosen instance into the second."""
    from . import instance_actions

    instance_actions.merge(node, _chosen(node, "merge_from"), _chosen(node, "merge_into"))


def _separate(node: nuke.Group) -> None:
    """Separate the first chosen instance."""
    from . import instance_actions

    instance_actions.separate(node, _chosen(node, "merge_from"))


def _reset(node: nuke.Group) -> None:
    """Give all instances back what they had."""
    from . import instance_actions

    instance_actions.reset(node)


def _chosen(node: nuke.Group, name: str) -> str:
    """The key of the instance that a pulldown says. Raises InstanceError where there is none."""
    from . import instance_actions, node_knobs, node_results

    rows = node_results.rows(node)
    return instance_actions.find_row(rows, node_knobs.chosen(node, rows, name)).key


_BUTTONS: dict[str, Callable[[nuke.Group], None]] = {
    "generate_frame": _generate_frame,
    "generate_range": _generate_range,
    "cancel": _cancel,
    "open_cache": _open_cache,
    "clear_cache": _clear_cache,
    "load_results": _load_results,
    "contact_sheet": _contact_sheet,
    "farm_check": _farm_check,
    "bake": _bake,
    "troubleshoot": _troubleshoot,
    "copy_log": _copy_log,
    "merge_instances": _merge,
    "separate_instances": _separate,
    "reset_instances": _reset,
}
