"""Which scene each frame of a shot is of, and what a tracker knows of that scene."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sized
from types import TracebackType
from typing import Generic, TypeVar

from semantic_matte.ports import Progress, ProgressEvent
from semantic_matte.shot_types import ShotFrame
from semantic_matte.shots.cuts import CutFinder
from semantic_matte.shots.flow import flow_picture
from semantic_matte.shots.picture_shelf import PictureShelf
from semantic_matte.shots.small_pictures import colour_map

Known = TypeVar("Known")


class Scenes(Generic[Known]):
    """The scenes of a shot, for a tracker that starts afresh in each. To be used by `with`."""

    def __init__(self, begin: Callable[[], Known]) -> None:
        """begin: makes what a tracker knows of a scene that it has seen nothing of."""
        self._begin = begin
        self._current = begin()
        self._before = self._current
        self._numbers: list[int] = []
        self._shelf = PictureShelf()
        self._finder = CutFinder(self._shelf)

    def __enter__(self) -> Scenes[Known]:
        self._shelf.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._shelf.__exit__(kind, error, trace)

    def cuts(self, progress: Progress) -> tuple[int, ...]:
        """The numbers of the frames that begin a new scene, in order; the user is told of each."""
        numbers = tuple(self._numbers[place] for place in self._finder.cuts)
        for number in numbers:
            progress.notice(f"A new scene begins at frame {number}: objects after it are new ones.")
        return numbers

    def each(
        self, frames: Iterable[ShotFrame], progress: Progress
    ) -> Iterator[tuple[ShotFrame, Known, Known | None]]:
        """Each frame, and what is known of its scene. Where that is one from before a short interruption: also
        what was taken for known of the interruption, which was none.

        No frame is held here while the next one is made.
        """
        total = len(frames) if isinstance(frames, Sized) else 0
        for place, frame in enumerate(frames):
            progress.advance(ProgressEvent("tracking", place, total))
            yield frame, *self._of(frame)
            del frame

    def _of(self, frame: ShotFrame) -> tuple[Known, Known | None]:
        """What is known of the scene of the next frame, and of an interruption that ends with it."""
        self._numbers.append(frame.number)
        self._shelf.add(flow_picture(frame.plate))
        told = self._finder.look(colour_map(frame.plate)).kind
        if told == "new":
            self._before, self._current = self._current, self._begin()
        elif told == "back":
            interruption, self._current = self._current, self._before
            return self._current, interruption
        return self._current, None
