"""SAM 3 as a tracker: a tiny random one against the library itself on the same frames and words."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import semantic_matte as sm
from semantic_matte.errors import HintError, SettingsError, WeightsError
from semantic_matte.ports import SilentProgress, TakesSettings
from semantic_matte.shot_types import TrackedShot
from semantic_matte.trackers import create_tracker, transformers_words
from semantic_matte.trackers.operators import own_operators
from semantic_matte.trackers.transformers_words import WordsTracker

transformers = pytest.importorskip(
    "transformers", reason="transformers is missing: pip install 'semantic-matte[transformers]'"
)
if not hasattr(transformers, "Sam3VideoModel"):
    pytest.skip(f"transformers {transformers.__version__} has no Sam3VideoModel", allow_module_level=True)

ShotOf = Callable[..., Any]
WORDS = ("red box", "dog")
LENGTH = 6
CONFIDENCE = 0.5


def load(folder: Path, **controls: Any) -> WordsTracker:
    settings = {"find": WORDS, "confidence": CONFIDENCE} | controls
    tracker = create_tracker(sm.Settings(tracker=f"transformers:{folder}", **settings), "cpu")
    assert isinstance(tracker, WordsTracker)
    return tracker


@pytest.fixture(scope="module")
def tracker(sam3_folder: Path) -> WordsTracker:
    return load(sam3_folder)


@pytest.fixture(scope="module")
def tracked(tracker: WordsTracker, shot_of: ShotOf) -> tuple[TrackedShot, list[int]]:
    """What a shot gives, and the frames of which the segmenter was asked."""
    shot = shot_of(LENGTH)
    return tracker.track(shot, SilentProgress()), shot.asked


def ask_library(folder: Path, shot: Any) -> list[dict[int, tuple[str, float, Any]]]:
    """For each frame and object that the library itself shows: words, score, mask (H, W). Nothing of the shot
    is let go of."""
    import torch
    from PIL import Image

    network = transformers.Sam3VideoModel.from_pretrained(folder).eval()
    network.score_threshold_detection = network.new_det_thresh = CONFIDENCE
    processor = transformers.Sam3VideoProcessor.from_pretrained(folder)
    session = processor.init_video_session()
    processor.add_text_prompt(session, list(WORDS))
    frames = []
    for place in range(shot.length):
        given = processor(images=Image.fromarray(shot.picture(place)), return_tensors="pt")
        with torch.inference_mode(), own_operators():
            output = network(inference_session=session, frame=given["pixel_values"])
            found = processor.postprocess_outputs(session, output, given["original_sizes"].tolist())
        words = {key: text for text, keys in found["prompt_to_obj_ids"].items() for key in keys}
        rows = zip(found["object_ids"].tolist(), found["scores"].tolist(), found["masks"].numpy(), strict=True)
        frames.append({key: (words[key], score, mask) for key, score, mask in rows if mask.any()})
    return frames


def test_it_finds_and_follows_as_the_library_does(
    sam3_folder: Path, tracked: tuple[TrackedShot, list[int]], shot_of: ShotOf
) -> None:
    shot = shot_of(LENGTH)
    expected = ask_library(sam3_folder, shot)
    assert {words for frame in expected for words, _, _ in frame.values()} == set(WORDS)
    assert max(sum(key in frame for frame in expected) for key in expected[1]) > 1, "nothing was followed"
    done, _ = tracked
    for place, frame in enumerate(expected):
        number = shot.number(place)
        found = {track.identity: track for track in done.tracks if number in track.sightings}
        # Both count up as objects come; the library's own numbers may have gaps.
        assert len(found) == len(frame)
        for track, (words, score, mask) in zip(
            found.values(), (frame[key] for key in sorted(frame)), strict=True
        ):
            assert track.label == words
            assert track.sightings[number].score == pytest.approx(min(score, 1.0), abs=1e-4)
            assert np.mean(track.sightings[number].instance().mask != mask) < 1e-3


def test_the_segmenter_is_not_asked(tracked: tuple[TrackedShot, list[int]]) -> None:
    done, asked = tracked
    assert asked == []
    assert done.cuts == ()


def test_masks_of_the_same_words_lie_apart(tracked: tuple[TrackedShot, list[int]]) -> None:
    done, _ = tracked
    for number in range(1001, 1001 + LENGTH):
        for words in WORDS:
            masks = [
                track.sightings[number].instance().mask
                for track in done.tracks
                if track.label == words and number in track.sightings
            ]
            assert not masks or np.sum(masks, axis=0).max() == 1


def test_the_same_shot_gives_the_same_tracks(
    tracker: WordsTracker, tracked: tuple[TrackedShot, list[int]], shot_of: ShotOf
) -> None:
    again = tracker.track(shot_of(LENGTH), SilentProgress())
    assert [(one.identity, one.label, one.sightings) for one in again.tracks] == [
        (one.identity, one.label, one.sightings) for one in tracked[0].tracks
    ]


def test_confidence_of_each_word(tracker: WordsTracker, shot_of: ShotOf) -> None:
    assert isinstance(tracker, TakesSettings)
    strict = tracker.with_settings(sm.Settings(find=WORDS, confidence=CONFIDENCE, label_confidence=["dog=1.0"]))
    labels = {track.label for track in strict.track(shot_of(3), SilentProgress()).tracks}
    assert labels == {"red box"}


def test_after_a_cut_it_starts_afresh(
    tracker: WordsTracker, shot_of: ShotOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions = []
    real = WordsTracker._session
    monkeypatch.setattr(WordsTracker, "_session", lambda self: sessions.append(real(self)) or sessions[-1])
    done = tracker.track(shot_of(4, elsewhere=range(2, 4)), SilentProgress())
    assert done.cuts == (1003,)
    assert len(sessions) == 2
    assert not any({1002, 1003} <= set(track.frames) for track in done.tracks)


def test_memory_does_not_grow_with_the_shot(
    tracker: WordsTracker, shot_of: ShotOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Objects that are gone are let go of, and frames that the network does not look back at."""
    monkeypatch.setattr(transformers_words, "FORGOTTEN_AFTER", 3)
    seen = []
    real = WordsTracker._forget

    def forget(self: WordsTracker, scene: Any, index: int) -> None:
        real(self, scene, index)
        session = scene.session
        kept = [*session.output_dict_per_obj.values()]
        tensors = [
            value.nbytes
            for outputs in kept
            for frames in outputs.values()
            for output in frames.values()
            for value in output.values()
            if hasattr(value, "nbytes")
        ]
        assert all(pixels is None for pixels in session.processed_frames.values())
        assert len(session.obj_id_to_tracker_score_frame_wise) <= 1
        seen.append((len(session.obj_ids), sum(tensors)))

    monkeypatch.setattr(WordsTracker, "_forget", forget)
    done = tracker.with_settings(sm.Settings(find=["dog"], confidence=CONFIDENCE)).track(
        shot_of(24), SilentProgress()
    )
    assert len(done.tracks) > max(objects for objects, _ in seen), "none was let go of"
    half = len(seen) // 2
    assert max(size for _, size in seen[half:]) <= 1.5 * max(size for _, size in seen[:half])


def test_hints_are_refused(tracker: WordsTracker, shot_of: ShotOf) -> None:
    shot = shot_of(1)
    shot.hinted = {shot.first: [shot.square(0)]}
    with pytest.raises(
        HintError, match=r"Frame 1001: .* follows what words name, and no hints: take 'overlap'"
    ):
        tracker.track(shot, SilentProgress())


@pytest.mark.parametrize("wishes", [[], [":largest"]])
def test_without_words_it_says_what_to_type(sam3_folder: Path, wishes: list[str]) -> None:
    with pytest.raises(SettingsError, match='there are none: say what to find, as in --find "red umbrella"'):
        load(sam3_folder, find=wishes)


def test_words_that_are_too_long(tracker: WordsTracker) -> None:
    with pytest.raises(SettingsError, match=r"'a{40}' is too long for SAM 3, which reads 32 word parts"):
        tracker.with_settings(sm.Settings(find=["a" * 40]))


def test_words_without_a_tokenizer_are_refused(sam3_folder: Path, tmp_path: Path) -> None:
    place = shutil.copytree(sam3_folder, tmp_path / "half")
    for file in ("tokenizer.json", "vocab.json", "merges.txt", "tokenizer_config.json"):
        (place / file).unlink(missing_ok=True)
    with pytest.raises(WeightsError, match=r"its tokenizer .* is missing"):
        load(place)


def test_nothing_is_printed_and_nothing_fetched(
    sam3_folder: Path, shot_of: ShotOf, capfd: pytest.CaptureFixture[str]
) -> None:
    from transformers.models.sam3_video import modeling_sam3_video as library

    load(sam3_folder).track(shot_of(2), SilentProgress())
    assert capfd.readouterr() == ("", "")
    # The library would have said so, and tried to fetch it, had it looked for its own.
    assert library.cv_utils_kernel is None
