"""Sentences of the engine, which name captured files, in the words of the artist, who knows frames."""

from __future__ import annotations

import re

# Where a captured file lay: its capture, and below it at most the folder of a view.
_CAPTURE = r"[^'\n]*?capture_[^'/\\]*[/\\](?:[^'/\\\n]+[/\\])?"
# A captured plate as the engine names it: alone, in quotes, or with the folder that is gone when it is read.
_PLATE = re.compile(
    rf"(?:\b(?:[Tt]he p|[Pp])late )?'{_CAPTURE}plate\.(\d+)\.exr'"
    r"|'?\bplate\.(\d+)\.exr\b'?"
)
_PATTERN = re.compile(rf"'(?:{_CAPTURE})?plate\.####\.exr'")
_HINT = re.compile(rf"(?i:\b(?:the )?hint(?: mask)?) '{_CAPTURE}hint\.\d+\.exr'")

# Of stages that say nothing to an artist, what they are.
STAGE_WORDS = {
    "connecting": "Reaching the worker",
    "queued": "Waiting for the worker, which does another job",
    "starting": "The engine is loading",
}


def in_frames(sentence: str, offset: int = 0) -> str:
    """The sentence with `frame 1001` for `plate.1001.exr`. offset: a file's number less its scene frame."""
    worded = _PLATE.sub(lambda found: f"frame {int(found[1] or found[2]) - offset}", sentence)
    worded = _HINT.sub(lambda found: "The Hint" if found.start() == 0 else "the Hint", worded)
    worded = _PATTERN.sub("the plate", worded)
    return worded[:1].upper() + worded[1:]


def frame_words(frame: int, done: int, total: int) -> str:
    """`frame 1003 (3 of 10)`: the frame that comes after so many of all."""
    return f"frame {frame}" if total == 1 else f"frame {frame} ({done + 1} of {total})"
