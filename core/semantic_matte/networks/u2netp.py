"""U2-Net-p: the small U-squared network for salient objects.

Architecture: Qin et al., "U2-Net: Going deeper with nested U-structure for salient object
detection", Pattern Recognition 2020 (https://arxiv.org/abs/2005.09007); code
https://github.com/xuebinqin/U-2-Net, Apache-2.0. Module names follow upstream, so state dictionary
keys do as well; batch normalisation is folded into the convolutions.

Images are RGB: display-referred (sRGB) values divided by the image's own maximum, then normalised
by `imagenet.MEAN` and `imagenet.STD`. Axis order is (N, C, H, W), all tensors are float32.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

INPUT_SIZE = 320
"""Height and width in pixels that the network was trained at; any size works."""

_CHANNELS = 64
_MIDDLE_CHANNELS = 16


class REBNCONV(nn.Module):
    """Dilated 3x3 convolution that keeps the size, then ReLU (upstream's name for the block)."""

    def __init__(self, in_channels: int, out_channels: int, dilation: int = 1) -> None:
        super().__init__()
        self.conv_s1 = nn.Conv2d(in_channels, out_channels, 3, padding=dilation, dilation=dilation)

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, in_channels, H, W) to (N, out_channels, H, W), not negative."""
        return functional.relu(self.conv_s1(features))


class RSU(nn.Module):
    """Residual U-block: a U-Net of ``depth`` levels whose output is added to its input.

    The deepest level is not smaller than the one above it, its convolution is dilated instead.
    """

    def __init__(self, depth: int, in_channels: int) -> None:
        super().__init__()
        self.depth = depth
        self.rebnconvin = REBNCONV(in_channels, _CHANNELS)
        self.rebnconv1 = REBNCONV(_CHANNELS, _MIDDLE_CHANNELS)
        for level in range(2, depth + 1):
            encode = REBNCONV(_MIDDLE_CHANNELS, _MIDDLE_CHANNELS, self._dilation(level))
            self.add_module(f"rebnconv{level}", encode)
        for level in range(depth - 1, 0, -1):
            out_channels = _MIDDLE_CHANNELS if level > 1 else _CHANNELS
            decode = REBNCONV(2 * _MIDDLE_CHANNELS, out_channels, self._decoder_dilation(level))
            self.add_module(f"rebnconv{level}d", decode)

    def _dilation(self, level: int) -> int:
        return 2 if level == self.depth else 1

    def _decoder_dilation(self, level: int) -> int:
        return 1

    def _shrink(self, features: Tensor) -> Tensor:
        return _halve(features)

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, in_channels, H, W) to (N, 64, H, W), not negative."""
        entered: Tensor = self.rebnconvin(features)
        encoded = [self.rebnconv1(entered)]
        for level in range(2, self.depth + 1):
            above = encoded[-1] if level == self.depth else self._shrink(encoded[-1])
            encoded.append(self.get_submodule(f"rebnconv{level}")(above))
        decoded: Tensor = encoded.pop()
        for level in range(self.depth - 1, 0, -1):
            skipped = encoded.pop()
            joined = torch.cat((_resize_like(decoded, skipped), skipped), dim=1)
            decoded = self.get_submodule(f"rebnconv{level}d")(joined)
        return decoded + entered


class RSU4F(RSU):
    """Residual U-block of four levels of one size: dilations 1, 2, 4, 8 take pooling's place."""

    def __init__(self, in_channels: int) -> None:
        super().__init__(4, in_channels)

    def _dilation(self, level: int) -> int:
        return int(2 ** (level - 1))

    def _decoder_dilation(self, level: int) -> int:
        return self._dilation(level)

    def _shrink(self, features: Tensor) -> Tensor:
        return features


class U2NetP(nn.Module):
    """Predictor of how salient each pixel is: a U-Net whose stages are residual U-blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.stage1 = RSU(7, 3)
        self.stage2 = RSU(6, _CHANNELS)
        self.stage3 = RSU(5, _CHANNELS)
        self.stage4 = RSU(4, _CHANNELS)
        self.stage5 = RSU4F(_CHANNELS)
        self.stage6 = RSU4F(_CHANNELS)
        self.stage5d = RSU4F(2 * _CHANNELS)
        self.stage4d = RSU(4, 2 * _CHANNELS)
        self.stage3d = RSU(5, 2 * _CHANNELS)
        self.stage2d = RSU(6, 2 * _CHANNELS)
        self.stage1d = RSU(7, 2 * _CHANNELS)
        for scale in range(1, 7):
            self.add_module(f"side{scale}", nn.Conv2d(_CHANNELS, 1, 3, padding=1))
        self.outconv = nn.Conv2d(6, 1, 1)

    def side_logits(self, images: Tensor) -> Tensor:
        """Return the saliency logits of the six scales, each resized to the finest.

        Args:
            images: (N, 3, H, W), normalised RGB.

        Returns:
            (N, 6, H, W) float32, unbounded, finest scale first.

        Raises:
            ValueError: the shape of ``images`` is not as above.
        """
        if images.ndim != 4 or images.shape[1] != 3:
            raise ValueError(f"expected images of shape (N, 3, H, W), got {tuple(images.shape)}")
        encoded = [self.stage1(images)]
        for stage in (self.stage2, self.stage3, self.stage4, self.stage5, self.stage6):
            encoded.append(stage(_halve(encoded[-1])))
        decoded = [encoded.pop()]
        for stage in (self.stage5d, self.stage4d, self.stage3d, self.stage2d, self.stage1d):
            skipped = encoded.pop()
            resized = _resize_like(decoded[-1], skipped)
            decoded.append(stage(torch.cat((resized, skipped), dim=1)))
        sides = [
            _resize_like(self.get_submodule(f"side{scale}")(features), images)
            for scale, features in enumerate(reversed(decoded), start=1)
        ]
        return torch.cat(sides, dim=1)

    def forward(self, images: Tensor) -> Tensor:
        """Return the saliency fused from all scales (upstream's ``d0``).

        Args:
            images: (N, 3, H, W), normalised RGB.

        Returns:
            (N, 1, H, W) float32 in [0, 1].

        Raises:
            ValueError: the shape of ``images`` is not as above.
        """
        fused: Tensor = self.outconv(self.side_logits(images))
        return fused.sigmoid()


def _halve(features: Tensor) -> Tensor:
    return functional.max_pool2d(features, 2, stride=2, ceil_mode=True)


def _resize_like(features: Tensor, like: Tensor) -> Tensor:
    return functional.interpolate(features, size=like.shape[2:], mode="bilinear", align_corners=False)
