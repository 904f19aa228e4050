"""What segmenters' tests share: plates of known bytes, and networks whose answers are not all alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from semantic_matte.colour import decode_srgb
from semantic_matte.ports import Segmenter, SilentProgress, TakesSettings
from semantic_matte.segmenters.picture import shown_bytes
from semantic_matte.settings import Settings
from semantic_matte.types import ByteArray, Plate

if TYPE_CHECKING:
    from torch import nn

# Below the knee of the transfer, where display values are plain sRGB.
BRIGHTEST = 240


@pytest.fixture(scope="session")
def picture(photos: Any) -> ByteArray:
    """(150, 226, 3) uint8 RGB: a photo of an orange cat, whose red is far from its blue."""
    photo = cv2.imread(str(photos / "chelsea.png"))[..., ::-1]
    small = cv2.resize(photo, (226, 150), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(np.minimum(small, BRIGHTEST), dtype=np.uint8)


def _plate_of(picture: ByteArray) -> Plate:
    plate = Plate(decode_srgb(picture.astype(np.float32) / 255))
    assert np.array_equal(shown_bytes(plate), picture)
    return plate


@pytest.fixture(scope="session")
def plate_of() -> Callable[[ByteArray], Plate]:
    """A plate that networks see as these bytes (H, W, 3), none above 240."""
    return _plate_of


def _spread_out(layer: nn.Module, spread: float, run: Callable[[], object]) -> None:
    import torch

    seen = []
    hook = layer.register_forward_hook(
        lambda module, given, answer: seen.append(answer.detach().transpose(0, 1).flatten(1).float())
    )
    run()
    hook.remove()
    answers = torch.cat(seen, dim=1)
    gain = spread / answers.std(dim=1).clamp_min(1e-6)
    with torch.no_grad():
        layer.bias.sub_(answers.mean(dim=1)).mul_(gain)
        rows = 1 if isinstance(layer, torch.nn.ConvTranspose2d) else 0
        layer.weight.mul_(gain.reshape([-1 if axis == rows else 1 for axis in range(layer.weight.ndim)]))


@pytest.fixture(scope="session")
def spread_out() -> Callable[[nn.Module, float, Callable[[], object]], None]:
    """Give each channel of a last layer mean 0 and this deviation over what it answers while `run` runs: with
    random weights a network would otherwise give the same name to everything, and flat masks."""
    return _spread_out


class Warm:
    """A segmenter whose controls were changed gives what one gives that was made with them, bit for bit."""

    @staticmethod
    def found(segmenter: Segmenter, plate: Plate) -> tuple[list[Any], list[str], list[Mapping[str, str]]]:
        """All that it says of a plate: finds with their masks, notices, models used."""
        progress = SilentProgress()
        rows = [
            (one.label, one.score, one.box, one.mask.tobytes()) for one in segmenter.segment(plate, progress)
        ]
        return rows, progress.notices, list(segmenter.models)

    def check(
        self,
        make: Callable[[Settings], Segmenter],
        plates: Sequence[Plate],
        table: Sequence[Mapping[str, Any]],
        kept: Callable[[Any], object],
    ) -> None:
        """Each row of controls after each other, on every plate.

        kept: what of a segmenter is its loaded model.
        """
        rows = [Settings(**{"device": "cpu"} | controls) for controls in table]
        fresh = [[self.found(make(settings), plate) for plate in plates] for settings in rows]
        answers = {str(answer[0][0]) for answer in fresh}
        assert len(answers) > 1, "controls that change nothing would prove nothing"
        first: Any = make(rows[0])
        warm, model = first, kept(first)
        # As 0 1 0 2 0, then 1 2 1: each comes once after each other.
        order = [n for one in range(len(rows)) for other in range(one + 1, len(rows)) for n in (one, other)]
        for number in [*order, 0]:
            assert isinstance(warm, TakesSettings)
            warm = warm.with_settings(rows[number])
            assert kept(warm) is model
            for plate, expected in zip(plates, fresh[number], strict=True):
                assert self.found(warm, plate) == expected, number
        # The one that it all began with has not changed.
        assert self.found(first, plates[0]) == fresh[0][0]


@pytest.fixture(scope="session")
def warm() -> Warm:
    """Checks segmenters that go on with other controls."""
    return Warm()
