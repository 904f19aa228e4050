"""Of what the engine says besides, what an artist is told."""

from __future__ import annotations

from collections.abc import Iterable

from semantic_matte_client.nodes.frame_words import in_frames

# Said where the CPU was asked for, to who reads a log: at a node it is what stands beside it as a control.
_NO_NEWS = frozenset(("Networks run on the CPU, as asked.",))


def told_notices(notices: Iterable[str], offset: int = 0) -> tuple[str, ...]:
    """The notices of a job that are news at its node, each once, in the artist's words.

    offset: a file's number less its scene frame (see `in_frames`).
    """
    news = [in_frames(notice, offset) for notice in notices if notice not in _NO_NEWS]
    return tuple(dict.fromkeys(news))
