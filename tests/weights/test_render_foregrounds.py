"""The parts of the foreground recipe that need no Blender."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest


@pytest.fixture(scope="module")
def recipe(training: Callable[[str], ModuleType]) -> ModuleType:
    return training("render_foregrounds")


def part(name: str) -> ModuleType:
    return importlib.import_module(f"foregrounds.{name}")


def test_a_beginning_of_a_run_is_balanced(recipe: ModuleType) -> None:
    kinds = list(recipe.KINDS)
    wanted = recipe.plans(kinds, 2 * len(kinds) + 3, seed=0)
    names = [item.name for item in wanted]
    assert len(set(names)) == len(names)
    counts = [sum(item.kind == kind for item in wanted[: 2 * len(kinds)]) for kind in kinds]
    assert counts == [2] * len(kinds)


def test_plans_repeat_and_differ_by_seed(recipe: ModuleType) -> None:
    first, again, other = (recipe.plans(["grass"], 40, seed) for seed in (0, 0, 1))
    assert first == again
    assert [item.width for item in first] != [item.width for item in other]
    assert first[7].random().random() == again[7].random().random()


def test_about_a_third_is_blurred(recipe: ModuleType) -> None:
    blurs = [item.blur for item in recipe.plans(list(recipe.KINDS), 900, seed=0)]
    assert 0.27 < np.mean([blur != "none" for blur in blurs]) < 0.4
    assert set(blurs) == {"none", "motion", "defocus"}


def test_the_index_lists_only_what_is_there(recipe: ModuleType, tmp_path: Path) -> None:
    wanted = recipe.plans(["grass", "net"], 4, seed=3)
    (tmp_path / wanted[1].name).touch()
    recipe.write_index(tmp_path, wanted)
    rows = json.loads((tmp_path / "foregrounds.json").read_text(encoding="utf-8"))
    assert rows == [wanted[1].entry()]
    assert rows[0]["licence"] == "made by this recipe"


def test_straight_colour_is_the_colour_before_premultiplication(recipe: ModuleType) -> None:
    rng = np.random.default_rng(0)
    alpha = cv2.GaussianBlur((rng.random((64, 64)) > 0.5).astype(np.float32), (0, 0), 6)
    alpha[:, 40:] = 0
    colour = np.array([0.2, 0.5, 0.8], np.float32)
    straight = part("picture").straight_colour(colour * alpha[..., None], alpha)
    np.testing.assert_allclose(straight, np.broadcast_to(colour, straight.shape), atol=1e-4)


@pytest.mark.parametrize("size", [(64, 64), (33, 50), (1, 7)])
def test_nothing_under_alpha_0_is_black(recipe: ModuleType, size: tuple[int, int]) -> None:
    alpha = np.zeros(size, np.float32)
    alpha[0, : size[1] // 3] = 1
    premultiplied = alpha[..., None] * np.array([0.3, 0.4, 0.5], np.float32)
    straight = part("picture").straight_colour(premultiplied, alpha)
    assert straight.min() > 0.25


def test_png_keeps_16_bits_and_is_seen_as_whole(recipe: ModuleType, tmp_path: Path) -> None:
    picture = part("picture")
    rng = np.random.default_rng(0)
    colour, alpha, path = rng.random((32, 32, 3)), rng.random((32, 32)), tmp_path / "grass_0000.png"
    picture.write_png(path, colour, alpha)
    read = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert read.dtype == np.uint16
    np.testing.assert_allclose(read[..., 2::-1] / 65535, colour, atol=1e-5)
    np.testing.assert_allclose(read[..., 3] / 65535, alpha, atol=1e-5)
    assert picture.is_whole_png(path)
    path.write_bytes(path.read_bytes()[:-20])
    assert not picture.is_whole_png(path)
    assert not picture.is_whole_png(tmp_path / "none.png")
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_strands_grow_from_their_roots_and_stay_outside(recipe: ModuleType) -> None:
    shapes = part("shapes")
    rng = np.random.default_rng(0)
    body = shapes.Body.random(rng, (0.5, 0.8), 0.0)
    rays = shapes.directions(rng, 400)
    groom = shapes.Groom(length=0.8, gravity=2, clumps=40, curl=0.03, turns=3, frizz=0.03)
    paths = shapes.grow(rng, body.surface(rays), body.normals(rays), groom, body)
    assert paths.shape == (400, groom.segments, 3)
    assert np.isfinite(paths).all()
    np.testing.assert_allclose(paths[:, 0], body.surface(rays), atol=0.05)
    depth = np.linalg.norm((paths[:, 1:] - body.centre) / body.radii, axis=-1)
    assert depth.min() > 1


def test_fireflies_go_and_the_rest_stays(recipe: ModuleType) -> None:
    colour = np.full((16, 16, 3), 0.2, np.float32)
    colour[8, 8] = 40
    quiet = part("picture").without_fireflies(colour)
    assert quiet.max() < 0.6
    np.testing.assert_allclose(quiet[:8], 0.2)
