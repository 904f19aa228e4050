"""One object in the memory of a network that follows what it is shown: SAM 2 and those built like it.

Source: Ravi et al., "SAM 2: Segment Anything in Images and Videos", 2024. Each object has a session of the
library of its own, so that it can come and go; what the network sees of a frame is shared by all of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from semantic_matte.trackers.memories import forget
from semantic_matte.trackers.transformers_running import numbers, running
from semantic_matte.types import Box, FloatArray, Instance

if TYPE_CHECKING:
    from torch import Tensor

# The library wants a number for each object of a session; there is one.
ONLY = 1


@dataclass(frozen=True, eq=False)
class View:
    """A frame as the network takes it. index: its place among the frames of the scene, from 0 on. number: the
    frame's own. pixels: (1, 3, side, side) float32. frame_size: of the plate, (H, W)."""

    index: int
    number: int
    pixels: Tensor
    frame_size: tuple[int, int]


@dataclass(frozen=True, eq=False)
class Answer:
    """What the network says of an object in a frame. logits: (h, w) float32 over the whole frame. presence: how
    sure it is that the object is to be seen, in [0, 1]."""

    logits: FloatArray
    presence: float


@dataclass(frozen=True, eq=False)
class PromptedNetwork:
    """A loaded network with its processor: transformers' own. device: torch's name."""

    network: Any
    processor: Any
    device: str


@dataclass(eq=False)
class PromptedScene:
    """A run of frames without a cut. seen: what the network saw of the frame that was last looked at."""

    loaded: PromptedNetwork
    seen: Any = field(default=None)

    def session(self) -> Any:
        """A new session for one object, which shares what is seen with all others of the scene."""
        session = self.loaded.processor.init_video_session(inference_device=self.loaded.device)
        if self.seen is None:
            self.seen = session.cache
        session.cache = self.seen
        return session

    def tell_box(self, session: Any, view: View, box: Box) -> Answer:
        """The object that a box of the frame holds."""
        corners = [[[float(side) for side in box.as_list()]]]
        self.loaded.processor.add_inputs_to_inference_session(
            session, view.index, ONLY, input_boxes=corners, original_size=view.frame_size
        )
        return self.follow(session, view)

    def tell_mask(self, session: Any, view: View, instance: Instance) -> Answer:
        """The object of this mask, taken at its word."""
        # Where the object was followed to in this frame is put aside: it is known better now.
        for outputs in session.output_dict_per_obj.values():
            outputs["non_cond_frame_outputs"].pop(view.index, None)
        for frames in session.frames_tracked_per_obj.values():
            frames.pop(view.index, None)
        self.loaded.processor.add_inputs_to_inference_session(
            session, view.index, ONLY, input_masks=instance.mask, original_size=view.frame_size
        )
        return self.follow(session, view)

    def follow(self, session: Any, view: View, backwards: bool = False) -> Answer:
        """The object in a frame that is next to one in which it is known.

        Raises ValueShapeError if the model fails, DeviceError without memory.
        """
        import torch

        with running(self.loaded.device):
            output = self.loaded.network(
                inference_session=session, frame=view.pixels, frame_idx=view.index, reverse=backwards
            )
            presence = torch.sigmoid(output.object_score_logits.float()).flatten()[0]
            logits = numbers(output.pred_masks[0, 0])
        forget(session, view.index, self.loaded.network.config)
        return Answer(logits, float(presence))

    @staticmethod
    def turn_forwards(session: Any) -> None:
        """After going backwards: go on from where the object was told, as if nothing had been."""
        for outputs in session.output_dict_per_obj.values():
            outputs["non_cond_frame_outputs"].clear()
