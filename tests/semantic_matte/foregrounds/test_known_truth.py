"""How near each way comes to colours that are known, and to each other."""

from __future__ import annotations

import numpy as np
import pytest

from semantic_matte.evaluation import foreground_mse, foreground_sad
from semantic_matte.foregrounds.blur_fusion import BlurFusion
from semantic_matte.foregrounds.multi_level import MultiLevel


@pytest.mark.parametrize("ground", ["photo", "green", "sky"])
@pytest.mark.parametrize("kind", ["strands", "lemur"])
def test_blur_fusion_keeps_up_with_the_reference(mixture, kind: str, ground: str) -> None:
    case = mixture(kind, ground)
    errors = {
        name: (foreground_sad(colour, case.colour, case.alpha), foreground_mse(colour, case.colour, case.alpha))
        for name, colour in {
            "plate": case.plate,
            "reference": MultiLevel().estimate(case.plate, case.alpha),
            "blur_fusion": BlurFusion().estimate(case.plate, case.alpha),
        }.items()
    }
    for measure in (0, 1):
        assert errors["blur_fusion"][measure] <= 1.1 * errors["reference"][measure], errors
    # Far nearer than no unmixing at all.
    assert errors["reference"][0] < 0.7 * errors["plate"][0], errors
    assert errors["blur_fusion"][0] < 0.6 * errors["plate"][0], errors


def spilled(colour: np.ndarray, case) -> float:
    """Green beyond red and blue that the truth doesn't have, weighted by alpha."""

    def green(colours: np.ndarray) -> np.ndarray:
        return np.maximum(0, colours[..., 1] - np.maximum(colours[..., 0], colours[..., 2]))

    excess = np.maximum(0, green(colour) - green(case.colour)) * case.alpha
    return float(excess[case.soft].sum() / case.alpha[case.soft].sum())


@pytest.mark.parametrize("kind", ["strands", "lemur"])
def test_a_green_screen_does_not_bleed(mixture, estimator, kind: str) -> None:
    case = mixture(kind, "green")
    assert spilled(case.plate, case) > 0.005
    assert spilled(estimator.estimate(case.plate, case.alpha), case) < 0.05 * spilled(case.plate, case)


@pytest.mark.parametrize("kind", ["strands", "lemur"])
def test_a_wrong_alpha_does_not_make_it_worse_than_the_plate(mixture, estimator, kind: str) -> None:
    """Engines' alphas are never quite right: blurred, too thin and too fat here."""
    import cv2

    case = mixture(kind, "green")
    for wrong in (cv2.GaussianBlur(case.alpha, (0, 0), 1.2), case.alpha**1.4, case.alpha**0.7):
        alpha = wrong.clip(0, 1).astype(np.float32)
        colour = estimator.estimate(case.plate, alpha)
        assert foreground_sad(colour, case.colour, alpha) < 0.75 * foreground_sad(
            case.plate, case.colour, alpha
        )


def test_lamps_and_holes_stay_where_they_are(mixture, estimator) -> None:
    """Pixels of 1000 and -0.5 behind the edge, or in the object, ruin their own surroundings at most."""
    case = mixture("strands", "photo")
    calm = estimator.estimate(case.plate, case.alpha)
    places = np.argwhere(case.soft)[:: np.count_nonzero(case.soft) // 12][:12]
    for light in (1000.0, -0.5):
        plate, near = case.plate.copy(), np.zeros(case.alpha.shape, np.bool_)
        for y, x in places:
            share = case.alpha[y, x]
            plate[y, x] = share * case.colour[y, x] + (1 - share) * light
            near[max(0, y - 12) : y + 13, max(0, x - 12) : x + 13] = True
        colour = estimator.estimate(plate, case.alpha)
        assert np.isfinite(colour).all()
        far = case.soft & ~near
        assert np.count_nonzero(far) > 0.5 * np.count_nonzero(case.soft)
        moved = np.abs(colour - calm)[far] * case.alpha[far][:, np.newaxis]
        assert np.quantile(moved, 0.99) < 0.02, f"{light}: {np.quantile(moved, 0.99)}"


def test_a_glint_on_the_object_does_not_shine_over_its_edge(mixture, estimator) -> None:
    case = mixture("strands", "photo")
    calm = estimator.estimate(case.plate, case.alpha)
    solid = np.argwhere(case.alpha > 0.9)
    plate, near = case.plate.copy(), np.zeros(case.alpha.shape, np.bool_)
    for y, x in solid[:: len(solid) // 200]:
        plate[y, x] = 1000
        near[max(0, y - 4) : y + 5, max(0, x - 4) : x + 5] = True
    colour = estimator.estimate(plate, case.alpha)
    moved = (np.abs(colour - calm) * case.alpha[..., np.newaxis])[case.soft & ~near]
    assert moved.mean() < 0.02, moved.mean()


def test_a_rim_light_is_kept(mixture) -> None:
    """Hair that is lit from behind is far brighter at its soft edge than where it is solid."""
    case = mixture("rim", "photo")
    errors = {
        name: foreground_sad(colour, case.colour, case.alpha)
        for name, colour in {
            "plate": case.plate,
            "reference": MultiLevel().estimate(case.plate, case.alpha),
            "blur_fusion": BlurFusion().estimate(case.plate, case.alpha),
        }.items()
    }
    # 0.116 of it; with alpha itself for a weight, in place of its cube, 0.139.
    assert errors["blur_fusion"] < 0.13 * errors["reference"], errors
    assert errors["reference"] < 0.7 * errors["plate"], errors


def test_solid_light_without_limits_comes_through(mixture, estimator) -> None:
    case = mixture("strands", "photo")
    plate, solid = case.plate.copy(), np.argwhere(case.alpha == 1)
    plate[tuple(solid[5])], plate[tuple(solid[400])] = (1000, 1e5, 3e20), (-0.5, -1e-8, -2)
    colour = estimator.estimate(plate, case.alpha)
    np.testing.assert_array_equal(colour[case.alpha == 1], plate[case.alpha == 1])
