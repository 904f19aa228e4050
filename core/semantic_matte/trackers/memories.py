"""How much of a shot a video network of transformers remembers: no more than it looks back at.

The library keeps what it made of every frame. A network looks back at a few: at the memories of the last
`num_maskmem` frames, at the pointers of the last `max_object_pointers_in_encoder`, and at the frames in which
it was told of the object. All else is let go of here, so that memory does not grow with the shot.
"""

from __future__ import annotations

from typing import Any

# Frames in which an object was told, that are kept: the first, which is surest, and the latest.
TOLD_FRAMES = 4
# Large, and never looked at again once a frame is done.
_DONE_WITH = ("pred_masks", "high_res_masks")
_FEATURES = ("maskmem_features", "maskmem_pos_enc")


def forget(session: Any, index: int, config: Any) -> None:
    """Let go of what no frame next to `index` will be made from.

    session: a session of Sam2Video, Sam3TrackerVideo or Sam3Video. index: the frame that was done last, as the
    session counts. config: of the network that tracks.
    """
    for outputs in session.output_dict_per_obj.values():
        told, followed = outputs["cond_frame_outputs"], outputs["non_cond_frame_outputs"]
        for number in sorted(told)[1 : 1 - TOLD_FRAMES]:
            del told[number]
        for number in list(followed):
            distance = abs(index - number)
            if distance >= max(config.max_object_pointers_in_encoder, config.num_maskmem):
                del followed[number]
            elif distance >= config.num_maskmem:
                for key in _FEATURES:
                    followed[number].pop(key, None)
        for output in (*told.values(), *followed.values()):
            for key in _DONE_WITH:
                output.pop(key, None)
    for inputs in (*session.mask_inputs_per_obj.values(), *session.point_inputs_per_obj.values()):
        inputs.clear()
    for frames in session.frames_tracked_per_obj.values():
        for number in [one for one in frames if one != index]:
            del frames[number]
    # The library counts the frames that it was given; that they were there is all that is kept of them.
    session.processed_frames[index] = None
