"""Blocks of an EXR against the plain way to make them: lay out all samples, reorder, subtract, compress."""

from __future__ import annotations

import itertools
import zlib

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from semantic_matte.errors import OutputError
from semantic_matte.outputs.exr_blocks import FLOAT, HALF, Channel, encoded_block
from semantic_matte.types import Box


def laid_out(block: Box, channels: list[Channel], kind: np.dtype) -> bytes:
    """All samples: line by line, channel by channel."""
    lines = []
    for y in range(block.y0, block.y1):
        for channel in channels:
            line = np.zeros(block.width, kind)
            window = channel.window
            if channel.crop is not None and window is not None and window.y0 <= y < window.y1:
                for x in range(max(block.x0, window.x0), min(block.x1, window.x1)):
                    line[x - block.x0] = channel.crop[y - window.y0, x - window.x0]
            lines.append(line.tobytes())
    return b"".join(lines)


def subtracted(samples: bytes) -> bytes:
    """Bytes at even places, then those at odd ones; then differences."""
    octets = samples[::2] + samples[1::2]
    return octets[:1] + bytes((one - before + 128) % 256 for before, one in itertools.pairwise(octets))


COORDINATES = st.integers(0, 12)


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    x0, y0 = draw(COORDINATES), draw(COORDINATES)
    return Box(x0, y0, x0 + draw(st.integers(1, 9)), y0 + draw(st.integers(1, 9)))


WHOLE = Box(0, 0, 5, 3)


@given(boxes(), st.lists(boxes() | st.none(), min_size=1, max_size=4), st.sampled_from([HALF, FLOAT]))
@example(WHOLE, [WHOLE], HALF)
@example(WHOLE, [WHOLE, WHOLE], FLOAT)
@example(Box(0, 0, 1, 1), [Box(0, 0, 1, 1)], HALF)
@example(Box(2, 2, 5, 4), [None, None], FLOAT)
def test_a_block_is_what_the_plain_way_gives(block: Box, windows: list[Box | None], kind: np.dtype) -> None:
    generator = np.random.default_rng(0)
    channels = [
        Channel("c", None if window is None else generator.random((window.height, window.width)), window)
        for window in windows
    ]
    samples = laid_out(block, channels, kind)
    encoded = encoded_block(block, channels, kind)
    assert encoded.clamped == 0
    if len(encoded.content) == len(samples):
        assert encoded.content == samples, "not smaller: as it is"
    else:
        assert len(encoded.content) < len(samples)
        assert zlib.decompress(encoded.content) == subtracted(samples)


def test_what_does_not_get_smaller_lies_as_it_is() -> None:
    noise = np.random.default_rng(0).integers(0, 0x7C00, (16, 40)).astype(np.uint16).view(np.float16)
    block = Box(0, 0, 40, 16)
    channels = [Channel("c", noise, block)]
    assert encoded_block(block, channels, HALF).content == noise.tobytes() == laid_out(block, channels, HALF)


@pytest.mark.parametrize("filled", [4, 40])
def test_runs_and_repetitions_both_get_small(filled: int) -> None:
    """Of a block that is nearly empty, and of one that is filled with the same line again and again."""
    line = np.random.default_rng(0).random((1, 40), dtype=np.float32)
    channels = [Channel("c", line.repeat(16, axis=0)[:, :filled], Box(0, 0, filled, 16))]
    content = encoded_block(Box(0, 0, 40, 16), channels, FLOAT).content
    assert len(content) < 40 * 16 * 4 / 5


def test_pixels_beyond_half_are_counted_once() -> None:
    high = np.full((2, 3), 1e6, np.float32)
    block = Box(1, 0, 6, 2)
    channels = [Channel("a", high, Box(0, 0, 3, 2)), Channel("b", -high, Box(1, 1, 4, 3))]
    assert encoded_block(block, channels, HALF).clamped == 4 + 1
    assert encoded_block(block, channels, FLOAT).clamped == 0


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused_where_it_is_in_the_block(number: float) -> None:
    channels = [Channel("c.A", np.array([[0, number]], np.float32), Box(0, 0, 2, 1))]
    with pytest.raises(OutputError, match=r"channel c\.A has NaN or infinity"):
        encoded_block(Box(1, 0, 2, 1), channels, FLOAT)
    encoded_block(Box(0, 0, 1, 1), channels, FLOAT)
