"""Training samples: true, varied, and the same for the same number."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest

Training = Callable[[str], ModuleType]


def disc_foreground(training: Training, colour: tuple[int, int, int] = (200, 40, 90)) -> Any:
    rows, columns = np.indices((200, 200))
    alpha = np.clip((70 - np.hypot(rows - 100, columns - 100)) / 12 + 0.5, 0, 1)
    deep = np.round(alpha * 65535).astype(np.uint16)
    picture = np.broadcast_to(np.array(colour, np.uint8), (200, 200, 3)).copy()
    sources = training("sources")
    return sources.Foreground("disc", picture, deep, sources.edge_of(deep, "disc"))


def composer(training: Training, seed: int = 0, size: int = 96) -> Any:
    photo = np.random.default_rng(5).integers(0, 256, (150, 180, 3)).astype(np.uint8)
    return training("compose").Composer([disc_foreground(training)], [photo], size, seed)


def test_samples_keep_their_promise(training: Training) -> None:
    made = composer(training)
    for index in range(12):
        sample = made.sample(index)
        assert sample.colour.shape == (3, 96, 96)
        assert sample.colour.dtype == sample.alpha.dtype == sample.contrast.dtype == np.float32
        for field in (sample.colour, sample.alpha, sample.contrast):
            assert 0 <= field.min() <= field.max() <= 1
        assert set(np.unique(sample.trimap)) == {0, 128, 255}


def test_the_number_and_the_seed_decide_the_sample(training: Training) -> None:
    first, again, other = (composer(training, seed).sample(3) for seed in (0, 0, 1))
    for name in ("colour", "trimap", "alpha", "contrast"):
        assert np.array_equal(getattr(first, name), getattr(again, name))
    assert not np.array_equal(first.colour, other.colour)
    assert not np.array_equal(first.colour, composer(training).sample(4).colour)


def test_known_pixels_are_mostly_true(training: Training) -> None:
    made = composer(training)
    wrong = known = 0
    for index in range(30):
        sample = made.sample(index)
        known += np.count_nonzero(sample.trimap != 128)
        wrong += np.count_nonzero((sample.trimap == 255) & (sample.alpha < 0.9))
        wrong += np.count_nonzero((sample.trimap == 0) & (sample.alpha > 0.1))
    # Masks of a detector are wrong at times, and so are some of these.
    assert wrong < 0.03 * known


def test_light_is_mixed_in_linear(training: Training) -> None:
    degrade, encode_srgb = training("degrade"), training("foregrounds.picture").encode_srgb
    half = encode_srgb(0.5 * degrade.to_linear(np.array([[[255, 255, 255]]], np.uint8)))
    np.testing.assert_allclose(half, 0.735357, atol=1e-5)
    every = np.arange(256, dtype=np.uint8).reshape(16, 16)
    np.testing.assert_allclose(encode_srgb(degrade.to_linear(every)) * 255, every, atol=1e-3)


def test_pictures_are_shown_as_the_engine_and_as_hosts_show_them(training: Training) -> None:
    from semantic_matte.colour import KNEE, decode_srgb, to_display

    compose = training("compose")

    def shown(light: float) -> Any:
        picture = np.full((24, 24, 3), light, np.float32)
        return np.array([compose._shown(np.random.default_rng(seed), picture).mean() for seed in range(200)])

    # White is rolled off in the engine's two ways, of 70 %; where it is plain it stays.
    white = shown(1.0)
    rolled = np.abs(white - float(to_display(np.float32(1.0)))) < 0.006
    assert rolled.mean() == pytest.approx(0.7, abs=0.1)
    assert (white > 0.985).mean() == pytest.approx(0.3, abs=0.1)
    # Light above white shows only in scene-linear plates: files have clipped it.
    above = shown(4.0) - white
    assert (above > 0.015).mean() == pytest.approx(0.3, abs=0.1)
    # Below the knee all three are the same.
    np.testing.assert_allclose(shown(float(decode_srgb(np.float32(KNEE * 0.7)))), KNEE * 0.7, atol=0.02)


def test_over_is_porter_and_duffs(training: Training) -> None:
    over = training("compose")._over
    front = (np.full((1, 1, 3), 0.8, np.float32), np.full((1, 1), 0.5, np.float32))
    behind = (np.full((1, 1, 3), 0.2, np.float32), np.full((1, 1), 0.5, np.float32))
    colour, alpha = over(front, behind)
    assert alpha[0, 0] == pytest.approx(0.75)
    assert colour[0, 0, 0] * alpha[0, 0] == pytest.approx(0.8 * 0.5 + 0.2 * 0.5 * 0.5)


def test_motion_keeps_the_light(training: Training) -> None:
    found = disc_foreground(training)
    alpha = found.alpha.astype(np.float32) / 65535
    linear = training("degrade").to_linear(found.colour)
    colour, smeared = training("compose")._moving(np.random.default_rng(0), linear, alpha)
    assert float((colour * smeared[..., None]).sum()) == pytest.approx(
        float((linear * alpha[..., None]).sum()), rel=0.01
    )
    assert np.abs(colour[smeared > 0.1] - linear[0, 0]).max() < 0.01


def test_colour_under_nothing_is_filled_from_beside_it(training: Training) -> None:
    colour = np.zeros((40, 60, 3), np.uint8)
    alpha = np.zeros((40, 60), np.uint16)
    colour[:, :20], alpha[:, :20] = (250, 10, 10), 65535
    result = training("sources").filled(colour, alpha)
    assert np.array_equal(result[:, :20], colour[:, :20])
    assert np.abs(result.astype(int) - (250, 10, 10)).max() <= 2


def test_a_growing_folder_never_moves_a_picture_to_the_other_side(training: Training, tmp_path: Path) -> None:
    sources = training("sources")
    rows, columns = np.indices((64, 64))
    alpha = np.clip((20 - np.hypot(rows - 32, columns - 32)) / 4 + 0.5, 0, 1)
    picture = np.dstack([np.full((64, 64, 3), 128.0), alpha * 255]).astype(np.uint8)
    sides: dict[str, str] = {}
    for number in range(40):
        cv2.imwrite(str(tmp_path / f"disc_{number:04}.png"), picture)
        if number % 13 == 0 or number == 39:
            for side, found in zip(("train", "held out"), sources.foregrounds([tmp_path]), strict=True):
                for foreground in found:
                    assert sides.setdefault(foreground.name, side) == side
    assert set(sides.values()) == {"train", "held out"}


@pytest.mark.parametrize("kind", ["strands", "cloud", "lattice", "discs"])
def test_procedural_foregrounds_have_all_there_is_to_learn(training: Training, kind: str) -> None:
    made = getattr(training("procedural"), kind)
    soft = solid = 0
    for seed in range(5):
        found = made(np.random.default_rng(seed), 160)
        assert found.colour.shape == (160, 160, 3)
        alpha = found.alpha / 65535
        soft += np.count_nonzero((alpha > 0.05) & (alpha < 0.95))
        solid += np.count_nonzero(alpha > 0.99)
    assert soft > 500
    assert solid > 50


def test_trimaps_hold_the_soft_edge_and_both_kinds(training: Training) -> None:
    draw = training("drawn_trimaps").draw
    rows, columns = np.indices((160, 160))
    alpha = np.clip((50 - np.hypot(rows - 80, columns - 80)) / 10 + 0.5, 0, 1).astype(np.float32)
    widths = []
    for seed in range(60):
        levels = draw(np.random.default_rng(seed), alpha)
        if levels is None:
            continue
        assert (levels == 0).any()
        assert (levels == 255).any()
        widths.append(np.count_nonzero(levels == 128) / (2 * np.pi * 50))
    assert min(widths) < 16
    assert max(widths) > 50


def test_gaps_lie_along_every_edge_of_the_frame(training: Training) -> None:
    drawn_trimaps = training("drawn_trimaps")
    seen = set()
    for seed in range(60):
        gaps = drawn_trimaps._gaps(np.random.default_rng(seed), 50, 70)
        assert gaps.shape == (50, 70)
        assert set(np.unique(gaps)) <= {0, 1}
        edges = {"top": gaps[0], "bottom": gaps[-1], "left": gaps[:, 0], "right": gaps[:, -1]}
        seen |= {name for name, edge in edges.items() if edge.all()}
    assert seen == {"top", "bottom", "left", "right"}


def test_what_has_no_edge_is_refused(training: Training) -> None:
    with pytest.raises(ValueError, match="hardly any edge"):
        training("sources").edge_of(np.zeros((50, 50), np.uint16), "empty.png")
    assert training("drawn_trimaps").draw(np.random.default_rng(0), np.zeros((50, 50), np.float32)) is None
