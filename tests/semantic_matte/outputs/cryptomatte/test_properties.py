"""What holds for any mattes."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from semantic_matte.outputs.cryptomatte import write_cryptomatte
from semantic_matte.overlaps import make_consistent
from semantic_matte.types import Box, Matte, Plate

# A plate whose data window lies beside the origin.
FRAME = (19, 37)
PLATE = Plate(
    np.zeros((*FRAME, 3), np.float32), data_window=Box(-5, 3, 32, 22), display_window=Box(0, 0, 30, 20)
)

# From full down to what is no longer a normal number, and often the same for many objects.
STRENGTHS = [1.0, 0.5, 0.25, 0.1, 1e-3, 1e-7, 1e-20, 1e-38, 1e-44]


@st.composite
def described(draw: st.DrawFn) -> list[tuple[Box, int, float, float]]:
    """For each object: its window, a seed for its pixels, its strength, and how full it is."""
    rows = []
    for _ in range(draw(st.integers(0, 12))):
        x, y = draw(st.integers(0, FRAME[1] - 1)), draw(st.integers(0, FRAME[0] - 1))
        window = Box(x, y, draw(st.integers(x + 1, FRAME[1])), draw(st.integers(y + 1, FRAME[0])))
        strength, fullness = draw(st.sampled_from(STRENGTHS)), draw(st.sampled_from([0.0, 0.3, 1.0]))
        rows.append((window, draw(st.integers(0, 3)), strength, fullness))
    return rows


def built(rows: list[tuple[Box, int, float, float]], matte_of) -> list[Matte]:
    mattes = []
    for number, (window, seed, strength, fullness) in enumerate(rows):
        random = np.random.default_rng(seed)
        shape = (window.height, window.width)
        alpha = np.where(random.random(shape) < fullness, random.choice([0.25, 0.6, 1.0], shape) * strength, 0)
        mattes.append(matte_of(FRAME, f"sm_thing_{number:02d}", alpha, window))
    return mattes


@settings(max_examples=150, deadline=None)
@given(described(), st.sampled_from(["centred", "tight", "plate"]), st.sampled_from(["scanline", "tiled"]))
def test_any_mattes(reader, matte_of, rows, data_window: str, storage: str) -> None:
    mattes = built(rows, matte_of)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "c.exr"
        assert write_cryptomatte(path, PLATE, mattes, {}, data_window=data_window, storage=storage) == []
        decoded = reader.decode(path)
    coverages, ids = decoded.coverages, decoded.ids
    # Sorted, nothing after an empty rank, an id exactly where there is coverage, no id twice in a pixel.
    assert (coverages[..., 1:] <= coverages[..., :-1]).all()
    np.testing.assert_array_equal(ids != 0, coverages > 0)
    filled = np.sort(np.where(ids == 0, np.arange(ids.shape[2], dtype=np.uint32), ids), axis=2)
    assert (filled[..., 1:] != filled[..., :-1]).all()
    ties = (coverages[..., 1:] == coverages[..., :-1]) & (coverages[..., 1:] > 0)
    order = {reader.id_of(matte.slot): number for number, matte in enumerate(mattes)}
    places = np.vectorize(lambda identity: order.get(int(identity), -1), otypes=[int])(ids)
    assert (places[..., 1:][ties] > places[..., :-1][ties]).all()
    assert coverages.sum(axis=2, dtype=np.float64).max() <= 1 + 1e-6
    # As many ranks as the fullest pixel has, rounded up to a pair.
    deepest = int(sum((matte.alpha > 0).astype(int) for matte in mattes).max()) if mattes else 0
    assert ids.shape[2] == max(2, deepest + deepest % 2)
    assert sorted(decoded.manifest) == [matte.slot for matte in mattes]
    low = [int(corner) for corner in decoded.header["dataWindow"][0]]
    window = Box(low[0], low[1], low[0] + ids.shape[1], low[1] + ids.shape[0]).shifted(5, -3)
    for matte, consistent in zip(mattes, make_consistent(mattes), strict=True):
        whole = np.zeros(FRAME, np.float32)
        whole[window.slices] = decoded.coverage_of(matte.slot)
        np.testing.assert_allclose(whole, consistent.alpha, rtol=0, atol=1e-6)
        np.testing.assert_array_equal(whole > 0, consistent.alpha > 0)
