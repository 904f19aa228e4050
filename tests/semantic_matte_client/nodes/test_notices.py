"""Which of a job's notices are told at its node."""

from __future__ import annotations

from semantic_matte.devices import choose_device
from semantic_matte_client.nodes.notices import told_notices


def test_notices_are_told_once_in_frames() -> None:
    said = ["plate.1002.exr: Nothing found.", "matting", "plate.1002.exr: Nothing found."]
    assert told_notices(said, offset=1000) == ("Frame 2: Nothing found.", "Matting")
    assert told_notices([]) == ()


def test_a_device_that_was_asked_for_is_no_news() -> None:
    assert told_notices([choose_device("cpu")[1], "matting"]) == ("Matting",)
    # Why it is no GPU is.
    assert told_notices(["Networks run on the CPU: no driver."]) == ("Networks run on the CPU: no driver.",)
