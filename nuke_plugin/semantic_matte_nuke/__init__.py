"""Semantic Matte in Nuke: every object of a plate gets a soft alpha and a layer of its own.

For the Script Editor and for scripts of `nuke -t`. A node is a node or its name.

    import semantic_matte_nuke as sm

    node = sm.create(nuke.toNode("Read1"))       # a Semantic Matte node behind it
    node["find"].setValue("person, car")         # its knobs are those of the panel
    sm.generate(node, "1001-1050")               # in the window it returns at once; in a terminal it waits
    sm.cancel(node)                              # what is done is kept

    for one in sm.instances(node):               # what was found
        print(one.title, one.layer, one.label, one.score, one.frames)
    sm.rename(node, "person 1", "hero")          # its layer is called sm_hero then
    sm.enable(node, "car 1", False)              # not in the output alpha, no layer
    sm.solo(node, "hero")
    sm.merge(node, "person 2", "hero")           # one matte of two; sm.separate(node, "person 2") undoes it
    sm.reset(node)                               # as they were found

    print(sm.check(node))                        # what a farm would miss
    print(sm.farm_command(node, "1001-1050"))    # without Nuke, where the source is a plain Read
    sm.load(node, "/results/plate.matte.json")   # show what was made elsewhere
    sm.bake(node)                                # plain nodes in its place
    print(sm.doctor())                           # checks engine, worker and machine

Everything that goes wrong is an exception whose text says what to do. The engine alone, without a node, is
`import semantic_matte_client`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Iterable, List, NamedTuple, Optional, Union

if TYPE_CHECKING:
    from .computation import Computation
    from .stored_values import ShownResults

__all__ = [
    "create",
    "generate",
    "cancel",
    "instances",
    "rename",
    "enable",
    "solo",
    "merge",
    "separate",
    "reset",
    "bake",
    "check",
    "load",
    "farm_command",
    "doctor",
    "Instance",
]

# A text such as "1001-1050x2,1060", a frame, or frames.
Frames = Union[str, int, Iterable[int]]


class Instance(NamedTuple):
    """One object that a node has a matte of.

    key: stays the same while the node keeps it. title: what the artist calls it. layer: its layer in the
    stream, whose channel is layer.alpha. label, score: what it was found as, and how surely. frames: which ones
    show it, as text. enabled, solo: its switches. merged_into: the title of the instance that it was merged
    into, or "".
    """

    key: str
    title: str
    layer: str
    label: str
    score: float
    frames: str
    enabled: bool
    solo: bool
    merged_into: str


def create(source: Any = None, hint: Any = None) -> Any:
    """Make a Semantic Matte node, and return it.

        sm.create(nuke.toNode("Read1"))

    source         what its mattes are made of; None for the selected node
    hint           the artist's own mask of one object, in its alpha; its Hint input
    """
    from . import node_making

    return node_making.create(source, hint)


def generate(
    node: Any,
    frames: Optional[Frames] = None,
    wait: Optional[bool] = None,
    views: Optional[Union[str, Iterable[str]]] = None,
) -> Computation:
    """Make the mattes of some frames; afterwards the node shows them.

        sm.generate("SemanticMatte1", "1001-1050")

    frames         "1001-1050x2,1060", a number, or numbers; None for the range in the panel
    wait           None: in a terminal it waits, in the window it returns once the plates are captured; True
                   waits there too, and the window stands still meanwhile, without a Cancel
    views          "left,right", or names; None for those in the panel

    Returns a Computation: .state (capturing, computing, applying, done, failed, cancelled), .fraction,
    .sentence, .notices, .cancel(), .results. Frames that were done before are not computed again. Raises
    ComputationError.
    """
    from . import computation, host

    found = _resolved(node)
    if host.is_gui() and not wait:
        return computation.start(found, frames, views)
    return computation.run(found, frames, views)


def cancel(node: Any) -> bool:
    """End what is being generated for a node; whether anything was. Frames that were done are kept.

    sm.cancel("SemanticMatte1")
    """
    from . import node_finding, running

    return running.cancel(node_finding.identity(_resolved(node)))


def instances(node: Any) -> List[Instance]:
    """What a node has mattes of, in the order of its panel.

    [one.layer for one in sm.instances("SemanticMatte1")]
    """
    from . import node_results

    rows = node_results.rows(_resolved(node))
    titles = {row.key: row.title for row in rows}
    return [
        Instance(
            row.key,
            row.title,
            row.socket,
            row.label,
            row.score,
            row.frames,
            row.enabled,
            row.solo,
            titles.get(row.into, ""),
        )
        for row in rows
    ]


def rename(node: Any, instance: str, title: str) -> None:
    """Call an instance otherwise: its layer is called after the title too.

        sm.rename("SemanticMatte1", "person 1", "hero")

    instance       its title or its key
    title          any text; letters that a layer's name can't have are left out there
    """
    from . import instance_actions

    instance_actions.rename(_resolved(node), instance, title)


def enable(node: Any, instance: str, enabled: bool = True) -> None:
    """Switch an instance on or off: one that is off has no layer and is not in the output alpha.

        sm.enable("SemanticMatte1", "person 1", False)

    instance       its title or its key
    enabled        False to switch it off
    """
    from . import instance_actions

    instance_actions.enable(_resolved(node), instance, enabled)


def solo(node: Any, instance: str, on: bool = True) -> None:
    """Have the output alpha show only this instance, and others that are soloed.

        sm.solo("SemanticMatte1", "person 1")

    instance       its title or its key
    on             False to have it no longer so
    """
    from . import instance_actions

    instance_actions.solo(_resolved(node), instance, on)


def merge(node: Any, instance: str, into: str) -> None:
    """Make one matte of two instances: the layer of the second shows both.

        sm.merge("SemanticMatte1", "person 2", "person 1")

    instance       title or key of the one whose layer goes
    into           title or key of the other
    """
    from . import instance_actions

    instance_actions.merge(_resolved(node), instance, into)


def separate(node: Any, instance: str) -> None:
    """Give an instance that was merged its own matte back.

        sm.separate("SemanticMatte1", "person 2")

    instance       its title or its key
    """
    from . import instance_actions

    instance_actions.separate(_resolved(node), instance)


def reset(node: Any) -> None:
    """Have all instances as they were found: titles, switches, merges.

    sm.reset("SemanticMatte1")
    """
    from . import instance_actions

    instance_actions.reset(_resolved(node))


def bake(node: Any) -> List[Any]:
    """Put plain Reads, Expressions and Copies in the node's place, which need no plugin; returns them.

    sm.bake("SemanticMatte1")
    """
    from . import baking

    return list(baking.bake(_resolved(node)))


def check(node: Any, frames: Optional[Frames] = None) -> str:
    """What a farm, or a render of these frames, would miss, as a text; see Farm Check in the panel.

        print(sm.check("SemanticMatte1", "1001-1050"))

    frames         None for what holds for all of them
    """
    from . import compute_plan, node_knobs, render_check

    found = _resolved(node)
    report = str(render_check.farm_check(found))
    if frames is None:
        return report
    wanted = compute_plan.frames_asked(found, frames)
    problems = render_check.problems(found, wanted, node_knobs.chosen_views(found))
    sentences = dict.fromkeys(problem.sentence for problem in problems)
    return "\n".join([report, *(sentence for sentence in sentences if sentence not in report)])


def load(node: Any, place: Any) -> ShownResults:
    """Show a result that was made elsewhere: by a farm, in a shell, by another script.

        sm.load("SemanticMatte1", "/results/plate.matte.json")

    place          its NAME.matte.json, or the folder that it lies in
    """
    from . import cache_actions

    shown: ShownResults = cache_actions.load_results(_resolved(node), place)
    return shown


def farm_command(node: Any, frames: Optional[Frames] = None) -> str:
    """The command for a shell that makes a node's mattes without Nuke and its licence, a line for each view.

        print(sm.farm_command("SemanticMatte1", "1001-1050"))

    frames         as for generate

    It is there only where the source is a plain Read; raises an exception that says so elsewhere.
    """
    from . import cache_actions, compute_plan

    found = _resolved(node)
    return str(cache_actions.farm_command(found, compute_plan.made_plan(found, frames)))


def doctor() -> str:
    """Check plugin, engine, worker and machine, and say what to do where something is missing; some seconds.

    print(sm.doctor())
    """
    from . import troubleshooting

    return str(troubleshooting.report())


def _resolved(node: Any) -> Any:
    """The node that is meant. Raises NodeError."""
    from . import node_finding

    return node_finding.resolve(node)
