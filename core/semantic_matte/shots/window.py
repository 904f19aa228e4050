"""The frames around the one that is being made: what is read, solved and kept of them, and for how long.

A frame's result follows from the frames within `HALO` of it and from nothing else, so frames come out the same
in any order and in any chunks. Nothing is taken from beyond a cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from semantic_matte.shots.flow import Flow, FlowPicture, flow_pair, flow_picture
from semantic_matte.shots.steady_alphas import ALPHA_REACH, display_picture
from semantic_matte.shots.steady_masks import MASK_REACH, steady_instance
from semantic_matte.types import ByteArray, Instance, Matte, Plate

# How far from a frame another one may lie, in frames of the shot, and still have a say in it: one more than
# both reaches, because a frame is also compared with the one before it.
HALO = MASK_REACH + ALPHA_REACH + 1
_REACH = max(MASK_REACH, ALPHA_REACH)


@dataclass(frozen=True)
class ShotPlan:
    """A shot as it is going to be made.

    frames: their numbers, in order; everything else goes by a frame's place among them. scenes: for each place
    a number that changes at a cut. instances: the objects of a place, with slots. steadying: whether anything
    is steadied; else a frame is only compared with the one before it.
    """

    frames: tuple[int, ...]
    scenes: tuple[int, ...]
    instances: Callable[[int], Sequence[Instance]]
    steadying: bool = True

    @property
    def halo(self) -> int:
        """How far from a frame another one may lie and have a say in it."""
        return HALO if self.steadying else 1

    def around(self, place: int, reach: int) -> range:
        """The places within `reach` of one that belong to its scene, itself among them."""
        first, last = place, place
        while first > 0 and place - first < reach and self.scenes[first - 1] == self.scenes[place]:
            first -= 1
        while (
            last + 1 < len(self.frames) and last - place < reach and self.scenes[last + 1] == self.scenes[place]
        ):
            last += 1
        return range(first, last + 1)

    def needed(self, places: Iterable[int]) -> list[int]:
        """The places that have to be read to make some, in order."""
        return sorted({near for place in places for near in self.around(place, self.halo)})


@dataclass(frozen=True, eq=False)
class SeenFrame:
    """A frame that was read.

    picture: its `display_picture`; None where nothing is steadied. flows: by the place of an earlier frame, the
    motion from here to there and back.
    """

    plate: Plate
    picture: ByteArray | None
    flows: dict[int, tuple[Flow, Flow]] = field(default_factory=dict)


class Seeing:
    """Reads frames in order, and finds the motion between each and those shortly before it."""

    def __init__(self, plan: ShotPlan, read: Callable[[int], Plate]) -> None:
        """read: the plate of a place."""
        self._plan, self._read = plan, read
        self._recent: dict[int, FlowPicture] = {}

    def see(self, place: int) -> SeenFrame:
        """Read one; places go upwards."""
        plate = self._read(place)
        small = flow_picture(plate)
        seen = SeenFrame(plate, display_picture(plate) if self._plan.steadying else None)
        reach = self._plan.around(place, _REACH if self._plan.steadying else 1)
        self._recent = {earlier: one for earlier, one in self._recent.items() if earlier in reach}
        for earlier, there in self._recent.items():
            if there.frame_size == small.frame_size:
                seen.flows[earlier] = flow_pair(small, there)
        self._recent[place] = small
        return seen


@dataclass(frozen=True, eq=False)
class NeighbourFrame:
    """A frame nearby. flow: the motion to it. picture: its `display_picture`. mattes: as solved, by slot."""

    flow: Flow
    picture: ByteArray
    mattes: dict[str, Matte]


@dataclass(frozen=True, eq=False)
class Surroundings:
    """A frame's solved mattes with those of its neighbours: what its final ones are made from.

    picture: as of SeenFrame. before: the motion from this frame to the one before it, if that belongs to its
    scene.
    """

    place: int
    plate: Plate
    picture: ByteArray | None
    mattes: tuple[Matte, ...]
    neighbours: tuple[NeighbourFrame, ...]
    before: Flow | None


class Window:
    """Solves frames in turn, upwards, each once, and lets go of what no later one needs."""

    def __init__(
        self,
        plan: ShotPlan,
        frames: Iterable[tuple[int, SeenFrame]],
        solve: Callable[[int, Plate, Sequence[Instance]], Sequence[Matte]],
        strength: float,
    ) -> None:
        """frames: those of `ShotPlan.needed`, in order. strength: of steadying; 0 leaves all as it is found."""
        self._plan, self._frames, self._solve, self._strength = plan, iter(frames), solve, strength
        self._plates: dict[int, Plate] = {}
        self._pictures: dict[int, ByteArray | None] = {}
        self._flows: dict[tuple[int, int], Flow] = {}
        self._solved: dict[int, tuple[Matte, ...]] = {}
        self._read = -1

    def surroundings(self, place: int) -> Surroundings:
        """A frame's own; places go upwards."""
        self._forget(place)
        reach = self._plan.around(place, ALPHA_REACH if self._plan.steadying else 0)
        solved = {near: self._solved_at(near) for near in reach}
        neighbours = tuple(
            NeighbourFrame(self._flows[place, near], picture, {matte.slot: matte for matte in solved[near]})
            for near in reach
            if (place, near) in self._flows and (picture := self._pictures[near]) is not None
        )
        before = self._flows.get((place, place - 1))
        return Surroundings(
            place, self._plates[place], self._pictures[place], solved[place], neighbours, before
        )

    def _solved_at(self, place: int) -> tuple[Matte, ...]:
        """A frame's mattes, its masks steadied by its neighbours'."""
        if place not in self._solved:
            near = self._plan.around(place, MASK_REACH if self._plan.steadying else 0)
            self._read_until(max(near))
            theirs = {
                other: {one.slot: one for one in self._plan.instances(other)}
                for other in near
                if other != place
            }
            steadied = [
                steady_instance(
                    one,
                    [
                        (self._flows[place, other], there[one.slot])
                        for other, there in theirs.items()
                        if one.slot in there and (place, other) in self._flows
                    ],
                    self._strength,
                )
                for one in self._plan.instances(place)
            ]
            self._solved[place] = tuple(self._solve(place, self._plates[place], steadied))
        return self._solved[place]

    def _read_until(self, last: int) -> None:
        while self._read < last:
            place, seen = next(self._frames)
            self._read = place
            self._plates[place], self._pictures[place] = seen.plate, seen.picture
            for earlier, (back, forth) in seen.flows.items():
                self._flows[place, earlier] = back
                self._flows[earlier, place] = forth

    def _forget(self, place: int) -> None:
        """Let go of what neither this frame nor a later one needs."""
        self._plates = {one: plate for one, plate in self._plates.items() if one >= place}
        self._pictures = {one: seen for one, seen in self._pictures.items() if one >= place - ALPHA_REACH}
        self._solved = {one: mattes for one, mattes in self._solved.items() if one >= place - ALPHA_REACH}
        oldest = place - _REACH - MASK_REACH
        self._flows = {pair: flow for pair, flow in self._flows.items() if min(pair) >= oldest}


def in_turn(plan: ShotPlan, wanted: Sequence[int]) -> Iterator[tuple[int, bool]]:
    """The places to be made, upwards, and whether each is wanted for itself: where the frame before a wanted
    one is not made anyway, it is made too, to be compared with."""
    asked = set(wanted)
    for place in sorted(asked):
        before = place - 1
        if before not in asked and before in plan.around(place, 1):
            yield before, False
        yield place, True
