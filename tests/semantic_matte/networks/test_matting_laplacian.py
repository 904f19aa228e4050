"""The solver against PyMatting's: the same Laplacian, and in the end the same alpha."""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatting.laplacian.cf_laplacian import cf_laplacian

from semantic_matte.networks import matting_laplacian
from semantic_matte.networks.matting_laplacian import apply_stencil, carried, half_stencil, solve

FloatArray = npt.NDArray[np.float64]


def dense(maps: torch.Tensor) -> FloatArray:
    """(H W, H W): what `apply_stencil` does to each unit vector."""
    height, width = maps.shape[2:]
    units = torch.eye(height * width).view(-1, height, width)
    many = maps.expand(height * width, -1, -1, -1)
    return apply_stencil(many, units).reshape(height * width, -1).double().numpy()


def picture(seed: int, height: int, width: int) -> FloatArray:
    return np.random.default_rng(seed).random((height, width, 3))


def as_tensor(colour: FloatArray) -> torch.Tensor:
    return torch.from_numpy(colour.transpose(2, 0, 1).copy()).float()[None]


@pytest.mark.parametrize(("height", "width"), [(3, 3), (5, 4), (7, 9)])
def test_is_pymattings_laplacian(height: int, width: int) -> None:
    colour = picture(height * width, height, width)
    expected = cf_laplacian(colour, epsilon=1e-5).toarray()
    np.testing.assert_allclose(dense(half_stencil(as_tensor(colour), 1e-5)), expected, atol=2e-5)


@pytest.mark.parametrize("contrast", [0.0, 1e-4, 1e-2, 0.3])
def test_survives_float32_on_grey_pictures(contrast: float) -> None:
    # The covariance of a grey window has rank one: its inverse is beyond float32.
    colour = np.repeat(0.5 + contrast * picture(1, 8, 8)[..., :1], 3, axis=2)
    found = dense(half_stencil(as_tensor(colour), 1e-7))
    assert np.linalg.eigvalsh((found + found.T) / 2).min() > -1e-5
    np.testing.assert_allclose(found.sum(axis=1), 0, atol=1e-5)
    expected = cf_laplacian(as_tensor(colour)[0].permute(1, 2, 0).double().numpy(), epsilon=1e-7).toarray()
    np.testing.assert_allclose(found, expected, atol=0.02)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(3, 12), st.integers(3, 12))
def test_stencil_is_symmetric_and_blind_to_constants(seed: int, height: int, width: int) -> None:
    maps = half_stencil(as_tensor(picture(seed, height, width)))
    matrix = dense(maps)
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-6)
    np.testing.assert_allclose(matrix.sum(axis=1), 0, atol=1e-5)


def stripes(height: int, width: int) -> tuple[FloatArray, torch.Tensor, torch.Tensor]:
    """A soft edge between two colours, with its middle unknown: colour, known, values."""
    alpha = np.clip((np.arange(width) - width * 0.3) / (width * 0.4), 0, 1)
    alpha = np.repeat(alpha[None], height, axis=0)
    front, back = np.array([0.9, 0.2, 0.1]), np.array([0.1, 0.3, 0.8])
    colour = alpha[..., None] * front + (1 - alpha[..., None]) * back
    known = np.zeros((height, width))
    known[:, : width // 5], known[:, -width // 5 :] = 1, 1
    values = np.where(known > 0, np.round(alpha), 0)
    return colour, *(torch.from_numpy(field).float()[None] for field in (known, values))


@pytest.mark.parametrize("steps_finest", [0, 60])
def test_finds_the_alpha_of_a_mixture(steps_finest: int) -> None:
    colour, known, values = stripes(60, 80)
    solved = solve(as_tensor(colour), known, values, steps_finest, 100)[0].numpy()
    alpha = np.clip((np.arange(80) - 24) / 32, 0, 1)
    # Two colours and their mixtures: closed-form matting is exact there.
    np.testing.assert_allclose(solved, np.repeat(alpha[None], 60, axis=0), atol=0.03)


def test_agrees_with_pymatting_once_it_has_settled() -> None:
    from pymatting import estimate_alpha_cf

    colour, known, values = stripes(40, 50)
    colour = np.clip(colour + np.random.default_rng(0).normal(0, 0.02, colour.shape), 0, 1)
    trimap = torch.where(known > 0, values, torch.full_like(values, 0.5))[0].double().numpy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = estimate_alpha_cf(colour, trimap, laplacian_kwargs={"epsilon": 1e-5})
    solved = solve(as_tensor(colour), known, values, 2000, 500, 1e-5)[0].numpy().clip(0, 1)
    assert np.abs(solved - expected).mean() < 2e-3


def window_by_window(alpha: FloatArray, colour: FloatArray, epsilon: float) -> FloatArray:
    """(h, w, 4): each 3x3 window's ridge regression of alpha on colour, averaged over a pixel's windows."""
    height, width = alpha.shape

    def around(y: int, x: int) -> tuple[slice, slice]:
        return slice(max(0, y - 1), y + 2), slice(max(0, x - 1), x + 2)

    fitted = np.zeros((height, width, 4))
    for y, x in np.ndindex(height, width):
        near, values = colour[around(y, x)].reshape(-1, 3), alpha[around(y, x)].ravel()
        centred = near - near.mean(axis=0)
        covariance = centred.T @ centred / len(near) + epsilon * np.eye(3)
        factors = np.linalg.solve(covariance, centred.T @ (values - values.mean()) / len(near))
        fitted[y, x] = [*factors, values.mean() - factors @ near.mean(axis=0)]
    return np.array([[fitted[around(y, x)].mean(axis=(0, 1)) for x in range(width)] for y in range(height)])


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(3, 9), st.integers(3, 9), st.floats(0.0, 0.5), st.booleans())
def test_carrying_fits_alpha_to_colour_in_windows(
    seed: int, height: int, width: int, contrast: float, grey: bool
) -> None:
    colour = 0.4 + contrast * picture(seed, height, width)
    colour = np.repeat(colour[..., :1], 3, axis=2) if grey else colour
    alpha = np.random.default_rng(seed + 1).random((height, width))
    # A finer picture without contrast inside a coarse pixel shows what was fitted and raised.
    fine = np.repeat(np.repeat(colour, 2, axis=0), 2, axis=1)[: 2 * height - seed % 2]
    linear = torch.from_numpy(window_by_window(alpha, colour, 1e-3).transpose(2, 0, 1)).float()[None]
    raised = torch.nn.functional.interpolate(linear, scale_factor=2.0, mode="bilinear", align_corners=False)
    raised = raised[0, :, : fine.shape[0]].permute(1, 2, 0).numpy()
    expected = (raised[..., :3] * fine).sum(axis=2) + raised[..., 3]
    found = carried(torch.from_numpy(alpha).float()[None], as_tensor(colour), as_tensor(fine), 1e-3)
    np.testing.assert_allclose(found[0].numpy(), expected, atol=2e-3)


def test_carrying_gives_back_the_edges_of_the_finer_picture() -> None:
    alpha = np.zeros((60, 80))
    alpha[:, 33:47:5] = 1  # Strands of a pixel, which half the size cannot hold.
    colour = alpha[..., None] * np.array([0.9, 0.7, 0.2]) + (1 - alpha[..., None]) * np.array([0.1, 0.2, 0.6])
    fine = as_tensor(colour)
    coarse = torch.nn.functional.avg_pool2d(fine, 2)
    half = torch.nn.functional.avg_pool2d(torch.from_numpy(alpha).float()[None], 2)
    by_colour = (carried(half, coarse, fine)[0].numpy() - alpha)[:, 30:50]
    by_place = torch.nn.functional.interpolate(half[None], scale_factor=2.0, mode="bilinear")[0, 0]
    assert np.abs(by_colour).mean() < 0.1 * np.abs(by_place.numpy() - alpha)[:, 30:50].mean()


@pytest.mark.parametrize("contrast", [0.0, 1e-5, 1e-2, 1.0])
def test_carrying_survives_float32_on_grey_pictures(contrast: float) -> None:
    colour = np.repeat(contrast * picture(3, 20, 20)[..., :1], 3, axis=2)
    fine = np.repeat(np.repeat(colour, 2, axis=0), 2, axis=1)
    alpha = torch.from_numpy(np.random.default_rng(4).random((1, 20, 20))).float()
    found = carried(alpha, as_tensor(colour), as_tensor(fine))
    assert float(found.abs().max()) < 3


def test_known_pixels_stay_and_pictures_of_a_batch_do_not_mix() -> None:
    cases = [stripes(37, 53), stripes(37, 53)]
    cases[1] = (cases[1][0][:, ::-1].copy(), cases[1][1], 1 - cases[1][2])
    cases[1][2][cases[1][1] == 0] = 0
    colours = torch.cat([as_tensor(case[0]) for case in cases])
    known, values = (torch.cat([case[part] for case in cases]) for part in (1, 2))
    both = solve(colours, known, values, 20, 20)
    for index in range(2):
        alone = solve(*(part[index : index + 1] for part in (colours, known, values)), 20, 20)
        torch.testing.assert_close(both[index : index + 1], alone, atol=1e-5, rtol=0)
        assert torch.equal(both[index][known[index] == 1], values[index][known[index] == 1])


@pytest.mark.parametrize("size", [(3, 3), (5, 200), (24, 25), (131, 67)])
def test_any_size_gives_finite_numbers(size: tuple[int, int]) -> None:
    colour = np.zeros((*size, 3))
    known = torch.zeros((1, *size))
    known[:, 0] = 1
    values = torch.zeros((1, *size))
    values[:, 0, : size[1] // 2] = 1
    for shown in (colour, picture(0, *size)):
        assert torch.isfinite(solve(as_tensor(shown), known, values, 30, 30)).all()


def test_nothing_known_is_no_error() -> None:
    empty = torch.zeros((1, 30, 30))
    assert torch.isfinite(solve(as_tensor(picture(0, 30, 30)), empty, empty, 5, 5)).all()


def test_scripts() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scripted = torch.jit.script(matting_laplacian.solve)
    colour, known, values = stripes(33, 47)
    expected = solve(as_tensor(colour), known, values, 10, 10)
    torch.testing.assert_close(scripted(as_tensor(colour), known, values, 10, 10), expected)
