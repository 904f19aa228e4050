"""Video models in bfloat16, as on a GPU: every part of the library's way agrees on its kinds of numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import semantic_matte as sm
from semantic_matte.ports import SilentProgress
from semantic_matte.trackers import create_tracker, transformers_running

torch = pytest.importorskip("torch")


def test_where_numbers_are_short() -> None:
    assert transformers_running.brief_type("cpu") is None
    assert transformers_running.brief_type("mps") is None
    assert transformers_running.brief_type("cuda:0") is torch.bfloat16


@pytest.mark.parametrize(("kind", "length"), [("sam2", 18), ("sam3", 4)])
def test_it_follows_in_short_numbers(
    request: pytest.FixtureRequest,
    shot_of: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    length: int,
) -> None:
    folder: Path = request.getfixturevalue(f"{kind}_folder")
    settings = sm.Settings(tracker=f"transformers:{folder}", find=["red box"], confidence=0.5)
    tracker = create_tracker(settings, "cpu")
    exact = tracker.track(shot_of(length), SilentProgress())
    monkeypatch.setattr(transformers_running, "brief_type", lambda device: torch.bfloat16)
    brief = tracker.track(shot_of(length), SilentProgress())
    assert brief.tracks
    assert [track.sightings for track in brief.tracks] != [track.sightings for track in exact.tracks]
    assert {track.label for track in brief.tracks} == {track.label for track in exact.tracks}
