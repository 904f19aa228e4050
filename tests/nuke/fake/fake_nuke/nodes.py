"""Nodes as Python gets them: handles that end with the node."""

from __future__ import annotations

from typing import Any, Optional

from . import runtime, streams
from .constants import NUMBERS
from .frames import FrameRange
from .knob_base import Knob
from .knob_texts import Tab_Knob
from .node_cores import NodeCore
from .values import Format, Info

_GONE = "A PythonObject is not attached to a node"


@runtime.guarded
class Node:
    """A node of any class."""

    __slots__ = ("__weakref__", "_core", "_generation")

    def __init__(self, core: NodeCore) -> None:
        if not isinstance(core, NodeCore):
            raise TypeError("cannot create 'Node' instances: use nuke.createNode or nuke.nodes")
        self._core, self._generation = core, core.generation

    def _check_alive(self) -> None:
        if self._core.deleted or self._generation != self._core.generation:
            raise ValueError(_GONE)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Node) and other._core is self._core

    def __hash__(self) -> int:
        return id(self._core)

    def __repr__(self) -> str:
        if self._core.deleted or self._generation != self._core.generation:
            return "<Node object, deleted>"
        return f"<{self._core.class_name} {self._core.full_name()}>"

    # Knobs

    def __getitem__(self, name: str) -> Knob:
        if not isinstance(name, str):
            raise TypeError(f"expected a knob's name, got {type(name).__name__}")
        if name not in self._core.knobs:
            raise NameError(f"knob {name} does not exist")
        return self._core.knobs[name]

    def knob(self, p: str, follow_link: bool = True) -> Optional[Knob]:
        if not isinstance(p, str):
            raise TypeError(f"expected a knob's name, got {type(p).__name__}")
        return self._core.knobs.get(p)

    def knobs(self) -> dict[str, Knob]:
        return dict(self._core.knobs)

    def allKnobs(self) -> list[Knob]:
        return list(self._core.knobs.values())

    def numKnobs(self) -> int:
        return len(self._core.knobs)

    def getNumKnobs(self) -> int:
        return len(self._core.knobs)

    def addKnob(self, knob: Knob) -> None:
        if not isinstance(knob, Knob):
            raise TypeError(f"addKnob: expected a knob, got {type(knob).__name__}")
        if knob._core is not None:
            raise ValueError(f"addKnob: {knob._name} belongs to a node already")
        if knob._name in self._core.knobs and knob._name:
            raise ValueError(f"addKnob: {self._core.name} has a knob {knob._name} already")
        self._core.host.changes.begin("Add knob")
        if knob.Class() != "Tab_Knob" and not any(one._user for one in self._core.knobs.values()):
            # Added knobs always stand below a tab.
            self._core.give_knob(Tab_Knob("User"))
        self._core.give_knob(knob)
        self._core.host.changes.end()

    def removeKnob(self, knob: Knob) -> None:
        if not isinstance(knob, Knob):
            raise TypeError(f"removeKnob: expected a knob, got {type(knob).__name__}")
        if self._core.knobs.get(knob._name) is not knob or not knob._user:
            raise ValueError(f"removeKnob: {knob._name} is no added knob of {self._core.name}")
        self._core.take_knob(knob)

    def readKnobs(self, s: str) -> None:
        from .scripts import read_knobs

        read_knobs(self._core, s)

    def writeKnobs(self, flags: int = 0) -> str:
        from .emission import knob_lines

        return "\n".join(knob_lines(self._core, bool(flags & NUMBERS["WRITE_USER_KNOB_DEFS"])))

    def resetKnobsToDefault(self) -> None:
        for knob in self._core.knobs.values():
            if knob._name not in ("name", "xpos", "ypos"):
                knob._put(knob._default)

    # What it is

    def Class(self) -> str:
        return self._core.class_name

    def name(self) -> str:
        if self._core.parent is None:
            return self._core.text("name") or "Root"
        return self._core.name

    def fullName(self) -> str:
        return self._core.full_name()

    def setName(self, name: str, uncollide: bool = True, updateExpressions: bool = False) -> None:
        if not isinstance(name, str):
            raise TypeError(f"setName: expected a string, got {type(name).__name__}")
        self._core.knobs["name"].setValue(name)

    def parent(self) -> Any:
        return None if self._core.parent is None else self._core.parent.handle()

    def rootNode(self) -> Any:
        return self._core.host.root_core.handle()

    def isSelected(self) -> bool:
        return bool(self["selected"].value()) if "selected" in self._core.knobs else False

    def setSelected(self, selected: bool) -> None:
        if not isinstance(selected, (bool, int)):
            raise TypeError(f"setSelected: expected True or False, got {type(selected).__name__}")
        self["selected"].setValue(bool(selected))

    def selectOnly(self) -> None:
        for core in self._core.parent.children if self._core.parent else ():
            core.knobs["selected"].setValue(core is self._core)

    def xpos(self) -> int:
        return int(self["xpos"].value())

    def ypos(self) -> int:
        return int(self["ypos"].value())

    def setXpos(self, x: int) -> None:
        self["xpos"].setValue(x)

    def setYpos(self, y: int) -> None:
        self["ypos"].setValue(y)

    def setXYpos(self, x: int, y: int) -> None:
        self.setXpos(x)
        self.setYpos(y)

    def screenWidth(self) -> int:
        return 12 if self._core.class_name == "Dot" else 80

    def screenHeight(self) -> int:
        return 12 if self._core.class_name == "Dot" else 18

    def autoplace(self) -> None:
        self.setXYpos(*self._core.host.place_below(self._core))

    def clones(self) -> int:
        return len(self._core.clones)

    def help(self) -> str:
        return str(self["help"].value())

    def lock(self) -> None:
        return None

    def unlock(self) -> None:
        return None

    def locked(self) -> bool:
        return False

    # Panel

    def shown(self) -> bool:
        return self._core.shown

    def showControlPanel(self, forceFloat: bool = False) -> None:
        self._core.host.show_panel(self._core)

    def hideControlPanel(self) -> None:
        self._core.shown = False

    def setTab(self, tabIndex: int) -> None:
        return None

    def redraw(self) -> None:
        return None

    # Inputs

    def input(self, index: int) -> Optional[Node]:
        if not isinstance(index, int):
            raise TypeError(f"input: expected a number, got {type(index).__name__}")
        inputs = self._core.inputs
        found = inputs[index] if 0 <= index < len(inputs) else None
        return None if found is None else found.handle()

    def inputs(self) -> int:
        return len(self._core.inputs)

    def maxInputs(self) -> int:
        return self._core.most_inputs()

    def maximumInputs(self) -> int:
        return self._core.most_inputs()

    def minInputs(self) -> int:
        return self._core.fewest_inputs()

    def minimumInputs(self) -> int:
        return self._core.fewest_inputs()

    def optionalInput(self) -> int:
        return 0

    def maxOutputs(self) -> int:
        return 1 if self._core.has_output() else 0

    def maximumOutputs(self) -> int:
        return self.maxOutputs()

    def canSetInput(self, i: int, node: Optional[Node]) -> bool:
        return self._core.can_connect(i, self._other("canSetInput", node))

    def setInput(self, i: int, node: Optional[Node]) -> bool:
        if not isinstance(i, int):
            raise TypeError(f"setInput: expected a number, got {type(i).__name__}")
        other = self._other("setInput", node)
        if not self._core.can_connect(i, other):
            return False
        self._core.connect(i, other)
        return True

    def connectInput(self, i: int, node: Optional[Node]) -> bool:
        other = self._other("connectInput", node)
        while i < self._core.most_inputs() and i < len(self._core.inputs) and self._core.inputs[i] is not None:
            i += 1
        if not self._core.can_connect(i, other):
            return False
        self._core.connect(i, other)
        return True

    def _other(self, what: str, node: Optional[Node]) -> Optional[NodeCore]:
        if node is None:
            return None
        if not isinstance(node, Node):
            raise TypeError(f"{what}: expected a node or None, got {type(node).__name__}")
        node._check_alive()
        return node._core

    def dependencies(self, what: int = 7) -> list[Node]:
        from .dependencies import depends_on

        return [core.handle() for core in depends_on(self._core, what)]

    def dependent(self, what: int = 7, forceEvaluate: bool = True) -> list[Node]:
        from .dependencies import depends_on

        everywhere = self._core.host.root_core.everything()
        return [core.handle() for core in everywhere if self._core in depends_on(core, what)]

    # What flows through it

    def channels(self) -> list[str]:
        self._core.host.asked_upstream()
        return streams.channels(self._core)

    def metadata(self, key: Any = None, time: Any = None, view: Any = None) -> Any:
        self._core.host.asked_upstream()
        found = streams.metadata(self._core, time, view)
        return found if key is None else found.get(key)

    def format(self) -> Format:
        return streams.format_of(self._core)

    def width(self) -> int:
        return self.format().width()

    def height(self) -> int:
        return self.format().height()

    def pixelAspect(self) -> float:
        return self.format().pixelAspect()

    def proxy(self) -> bool:
        return bool(self._core.host.root_core.knobs["proxy"].value())

    def bbox(self) -> Info:
        return streams.bbox(self._core)

    def firstFrame(self) -> int:
        return streams.frames(self._core)[0]

    def lastFrame(self) -> int:
        return streams.frames(self._core)[1]

    def frameRange(self) -> FrameRange:
        return FrameRange(self.firstFrame(), self.lastFrame(), 1)

    def upstreamFrameRange(self, i: int) -> Optional[FrameRange]:
        source = self.input(i)
        return None if source is None else source.frameRange()

    def hasError(self) -> bool:
        return streams.error(self._core) != ""

    def error(self) -> bool:
        return streams.error(self._core) != ""

    def treeHasError(self) -> bool:
        return any(streams.error(core) for core in self._core.upstream())

    def forceValidate(self) -> None:
        return None

    def sample(self, channel: str, x: float, y: float, dx: float = 1.0, dy: float = 1.0, *rest: Any) -> float:
        return streams.sample(self._core, channel, x, y, *rest)
