"""Pulling, finding, accepting and checking models, with a manifest and a web server of the test's own."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
import pytest

from semantic_matte import pulls, weights
from semantic_matte.doctor import Finding, examine
from semantic_matte.errors import DownloadError, LicenceError, OutputError, UnknownNameError, WeightsError
from semantic_matte.outputs.sidecar import describe
from semantic_matte.ports import SilentProgress
from semantic_matte.pulls import check_all, pull
from semantic_matte.settings import Settings
from semantic_matte.types import Plate
from semantic_matte.weights import find_model, local_model, located
from semantic_matte.weights_folders import cache_folder, search_folders

CONTENT = np.random.default_rng(0).bytes(200_001)
OTHER = np.random.default_rng(1).bytes(200_001)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
MD5 = hashlib.md5(CONTENT).hexdigest()
NAMES = ["file.pth", "file.pth.json", "file.pth.lock"]


@pytest.fixture
def progress() -> SilentProgress:
    return SilentProgress()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Named by SEMANTIC_MATTE_WEIGHTS; not made yet."""
    monkeypatch.setenv("SEMANTIC_MATTE_WEIGHTS", str(tmp_path / "studio" / "weights"))
    return tmp_path / "studio" / "weights"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


KNOWN = {
    "whole": {"sha256": SHA256, "size": len(CONTENT)},
    "first digits": {"sha256": SHA256[:8]},
    "of md5": {"md5": MD5[:6]},
}
RECORDED = ", all that its publisher names, and by the sha256 recorded when it was pulled"
HOW = {
    "whole": "checked by its sha256",
    "first digits": f"checked by the first 8 digits of its sha256{RECORDED}",
    "of md5": f"checked by the first 6 digits of its md5{RECORDED}",
}


@pytest.mark.parametrize("known", KNOWN)
def test_a_pull_is_recorded_with_what_came(
    clone: Any, row: Any, server: Any, answer: Any, progress: SilentProgress, folder: Path, known: str
) -> None:
    clone.offer(card=row(**KNOWN[known]))
    server.says(answer(CONTENT))
    found = pull("card", (), progress)
    assert names(folder) == NAMES
    assert (found.path, found.sha256, found.size) == (folder / "file.pth", SHA256, len(CONTENT))
    assert found.path.read_bytes() == CONTENT
    record = json.loads((folder / "file.pth.json").read_text(encoding="utf-8"))
    assert record == {
        "name": "card",
        "url": server.url(),
        "size": len(CONTENT),
        "sha256": SHA256,
        "expected": {name: digits for name, digits in KNOWN[known].items() if name != "size"},
        "licence": "MIT",
        "commercial_use": "yes",
        "licence_accepted": False,
        "origin": "https://example.org/models",
    }
    assert local_model("card") == found
    assert [file.how for file in check_all(progress) if file.model.name == "card"] == [HOW[known]]


def test_a_second_pull_asks_nobody(
    clone: Any, row: Any, server: Any, answer: Any, progress: SilentProgress, folder: Path
) -> None:
    clone.offer(card=row(sha256=SHA256))
    server.says(answer(CONTENT))
    pull("card", (), progress)
    pull("card", (), progress)
    assert len(server.requests) == 1
    assert progress.notices == ["Model 'card' is here already."]


def test_an_embedded_model_needs_no_pull(clone: Any, progress: SilentProgress) -> None:
    assert pull("nanodet", (), progress) == find_model("nanodet")
    assert progress.notices == ["Model 'nanodet' travels with the package: there is nothing to pull."]


@pytest.mark.parametrize("known", KNOWN)
def test_a_damaged_file_is_refused_told_and_pulled_again(
    clone: Any, row: Any, server: Any, answer: Any, progress: SilentProgress, folder: Path, known: str
) -> None:
    clone.offer(card=row(**KNOWN[known]))
    server.says(answer(CONTENT))
    pull("card", (), progress)
    damage(folder / "file.pth")
    with pytest.raises(
        WeightsError, match=r"damaged or altered: expected .*: semantic-matte weights pull card"
    ):
        local_model("card")
    assert [file.model.name for file in check_all(progress) if file.complaint] == ["card"]
    assert local_model_after(pull, progress) == SHA256
    assert progress.notices == [f"'{folder / 'file.pth'}' is damaged or altered, and is fetched again."]
    assert not any(file.complaint for file in check_all(progress))


def local_model_after(pull_again: Any, progress: SilentProgress) -> str:
    pull_again("card", (), progress)
    return local_model("card").sha256


def test_the_recorded_checksum_holds_where_the_publisher_names_first_digits_alone(
    clone: Any, row: Any, server: Any, answer: Any, progress: SilentProgress, folder: Path
) -> None:
    """As if the publisher had changed the file, and the new one's checksum began the same."""
    clone.offer(card=row(sha256=SHA256[:8]))
    server.says(answer(CONTENT))
    pull("card", (), progress)
    record = folder / "file.pth.json"
    earlier = SHA256[:8] + hashlib.sha256(OTHER).hexdigest()[8:]
    record.write_text(record.read_text(encoding="utf-8").replace(SHA256, earlier), encoding="utf-8")
    with pytest.raises(WeightsError, match=f"expected sha256 {earlier[:12]}..., got {SHA256[:12]}"):
        local_model("card")
    (folder / "file.pth").unlink()
    with pytest.raises(DownloadError, match=f"expected sha256 {earlier[:12]}..., got {SHA256[:12]}"):
        pull("card", (), progress)
    # Whoever removes the record trusts what comes.
    record.unlink()
    assert pull("card", (), progress).sha256 == SHA256


def test_a_record_of_an_older_file_is_no_obstacle(
    clone: Any, row: Any, server: Any, answer: Any, progress: SilentProgress, folder: Path
) -> None:
    clone.offer(card=row(sha256=hashlib.sha256(OTHER).hexdigest()[:8]))
    server.says(answer(OTHER))
    pull("card", (), progress)
    clone.offer(card=row(sha256=SHA256[:8]))
    server.says(answer(CONTENT))
    assert pull("card", (), progress).sha256 == SHA256
    assert weights.recorded_sha256(folder / "file.pth") == SHA256


@pytest.mark.parametrize("text", ["", "{", "[]", '{"sha256": 1}', '{"sha256": "xyz"}', '{"sha": ""}'])
def test_a_record_that_cannot_be_read_is_told(
    clone: Any, row: Any, server: Any, answer: Any, progress: SilentProgress, folder: Path, text: str
) -> None:
    clone.offer(card=row(sha256=SHA256[:8]))
    server.says(answer(CONTENT))
    pull("card", (), progress)
    (folder / "file.pth.json").write_text(text, encoding="utf-8")
    with pytest.raises(WeightsError, match=r"record .*file.pth.json' can't be read: remove it"):
        local_model("card")
    with pytest.raises(WeightsError, match="remove it"):
        pull("card", (), progress)


def test_a_file_that_was_put_there_by_hand(
    clone: Any, row: Any, progress: SilentProgress, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clone.offer(card=row(md5=MD5[:6]))
    monkeypatch.setenv("SEMANTIC_MATTE_OFFLINE", "1")
    with pytest.raises(WeightsError) as raised:
        pull("card", (), progress)
    said = str(raised.value)
    assert "SEMANTIC_MATTE_OFFLINE forbids the network" in said
    assert f"fetch {find_model('card').url} elsewhere and put it as 'file.pth' into '{folder}'" in said
    folder.mkdir(parents=True)
    (folder / "file.pth").write_bytes(CONTENT)
    assert local_model("card").sha256 == SHA256
    assert pull("card", (), progress).path == folder / "file.pth"
    assert names(folder) == ["file.pth"]
    how = [file.how for file in check_all(progress) if file.model.name == "card"]
    assert how == ["checked by the first 6 digits of its md5, all that its publisher names"]


@pytest.mark.parametrize("value", ["1", "true", "yes", "on", "0", "", "no", "false", "Off"])
def test_offline_is_said_in_plain_words(
    clone: Any,
    row: Any,
    server: Any,
    answer: Any,
    progress: SilentProgress,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    value: str,
) -> None:
    clone.offer(card=row(sha256=SHA256))
    server.says(answer(CONTENT))
    monkeypatch.setenv("SEMANTIC_MATTE_OFFLINE", value)
    if value in ("1", "true", "yes", "on"):
        with pytest.raises(WeightsError, match="OFFLINE forbids the network"):
            pull("card", (), progress)
        assert server.requests == []
        assert not folder.exists()
    else:
        pull("card", (), progress)


@pytest.mark.parametrize(("use", "said"), [("no", "is not allowed"), ("unclear", "is not clearly allowed")])
def test_terms_must_be_accepted_by_name(
    clone: Any, row: Any, server: Any, answer: Any, progress: SilentProgress, folder: Path, use: str, said: str
) -> None:
    terms = "its photos are for research"
    clone.offer(card=row(sha256=SHA256, commercial_use=use, licence="CC-BY-NC-4.0", terms=terms))
    server.says(answer(CONTENT))
    for accepted in ((), ("other",), ("card2", "car")):
        for ask in (lambda taken: pull("card", taken, progress), lambda taken: local_model("card", taken)):
            with pytest.raises(LicenceError, match=said) as raised:
                ask(accepted)
            for part in ("'card'", "CC-BY-NC-4.0", terms, "https://example.org/models"):
                assert part in str(raised.value)
            assert str(raised.value).endswith("--accept-licence card")
    assert server.requests == []
    assert not folder.exists()
    pull("card", ("other", "card"), progress)
    assert json.loads((folder / "file.pth.json").read_text(encoding="utf-8"))["licence_accepted"] is True
    # To have pulled it is one thing, to use it in this work another.
    with pytest.raises(LicenceError):
        local_model("card")
    assert local_model("card", ("card",)).path == folder / "file.pth"


def test_an_acceptance_is_in_the_sidecar_where_one_was_needed(
    clone: Any, row: Any, server: Any, answer: Any, progress: SilentProgress, folder: Path
) -> None:
    clone.offer(
        free=row(sha256=SHA256, file="free.pth"),
        bound=row(sha256=SHA256, commercial_use="unclear", licence="?"),
    )
    server.says(answer(CONTENT))
    settings = Settings(accept_licence=["bound", "free"])
    described = [pull(name, settings.accept_licence, progress).describe() for name in ("free", "bound")]
    plate = Plate(np.zeros((4, 4, 3), np.float32))
    record = describe(plate, [], settings, described, "cpu", [])
    assert record["models"] == [
        {"name": "free", "licence": "MIT", "sha256": SHA256, "origin": "https://example.org/models"},
        {
            "name": "bound",
            "licence": "?",
            "sha256": SHA256,
            "origin": "https://example.org/models",
            "commercial_use": "unclear",
            "licence_accepted": "bound",
        },
    ]
    assert record["settings"]["accept_licence"] == ["bound", "free"]
    assert json.dumps(record)


def test_a_model_that_is_not_here_says_how_to_get_it(clone: Any, row: Any, folder: Path) -> None:
    clone.offer(card=row(sha256=SHA256))
    for ask in (lambda: local_model("card"), lambda: located(find_model("card"))):
        with pytest.raises(WeightsError) as raised:
            ask()
        assert str(raised.value) == "Model 'card' is not here: semantic-matte weights pull card"


def test_unknown_names_list_the_known_ones(clone: Any, row: Any, progress: SilentProgress) -> None:
    clone.offer(card=row(sha256=SHA256))
    for ask in (lambda: pull("cart", (), progress), lambda: local_model("cart")):
        with pytest.raises(UnknownNameError, match=r"Did you mean 'card'.*Known: nanodet, .*card"):
            ask()


@pytest.mark.parametrize(
    "wrong",
    [
        {"sha256": None},
        {"sha256": "12345"},
        {"sha256": "not hexadecimal"},
        {"sha256": SHA256.upper()},
        {"md5": SHA256},
        {"commercial_use": "perhaps"},
        {"commercial_use": True},
        {"licence": None},
        {"file": None},
        {"size": "large"},
    ],
)
def test_a_row_that_cannot_be_trusted_is_refused(clone: Any, row: Any, wrong: dict[str, Any]) -> None:
    clone.offer(card=row(**{"sha256": SHA256, **wrong}))
    with pytest.raises(WeightsError, match=r"manifest .* can't be read"):
        local_model("card")


def test_folders_are_searched_in_order(
    clone: Any, row: Any, server: Any, answer: Any, progress: SilentProgress, folder: Path, tmp_path: Path
) -> None:
    clone.offer(card=row(sha256=SHA256))
    assert search_folders() == (folder, cache_folder())
    cache_folder().mkdir(parents=True)
    (cache_folder() / "file.pth").write_bytes(CONTENT)
    assert local_model("card").path == cache_folder() / "file.pth"
    folder.mkdir(parents=True)
    (folder / "file.pth").write_bytes(CONTENT)
    assert local_model("card").path == folder / "file.pth"
    assert len([file for file in check_all(progress) if file.model.name == "card"]) == 2
    damage(cache_folder() / "file.pth")
    bad = [file.path for file in check_all(progress) if file.complaint]
    assert bad == [cache_folder() / "file.pth"]


def test_the_cache_is_where_the_platform_has_it(clone: Any, tmp_path: Path) -> None:
    assert cache_folder() == platformdirs.user_cache_path("semantic-matte", False) / "weights"
    assert tmp_path in cache_folder().parents
    assert search_folders() == (cache_folder(),)


def refuse_writing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may write anywhere, so what refuses here is the check itself; see `test_atomic` for the real one."""
    ensure = pulls.ensure_folder

    def ensure_folder(path: Path) -> Path:
        if Path(path) == folder:
            raise OutputError(f"'{path}' can't be written: the disk is read-only; choose another folder.")
        return ensure(path)

    monkeypatch.setattr(pulls, "ensure_folder", ensure_folder)


def test_a_folder_that_is_only_for_reading(
    clone: Any,
    row: Any,
    server: Any,
    answer: Any,
    progress: SilentProgress,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clone.offer(card=row(sha256=SHA256))
    server.says(answer(CONTENT))
    refuse_writing(folder, monkeypatch)
    assert pull("card", (), progress).path == cache_folder() / "file.pth"
    notice = f"'{folder}' can't be written: the disk is read-only; choose another folder. "
    assert progress.notices == [f"{notice}The model is put into '{cache_folder()}'."]
    # What lies there and is damaged hides what is in the cache: nobody but its owner can help.
    folder.mkdir(parents=True)
    (folder / "file.pth").write_bytes(OTHER)
    with pytest.raises(WeightsError, match="that folder can't be written: replace or remove it there"):
        pull("card", (), progress)
    assert len(server.requests) == 1


def test_a_real_place_that_cannot_be_written(
    clone: Any, row: Any, server: Any, answer: Any, progress: SilentProgress, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not Path("/proc/self").is_dir():
        pytest.skip("there is no /proc here")
    clone.offer(card=row(sha256=SHA256))
    server.says(answer(CONTENT))
    monkeypatch.setenv("SEMANTIC_MATTE_WEIGHTS", "/proc/self")
    assert pull("card", (), progress).path == cache_folder() / "file.pth"
    assert progress.notices[0].startswith("'/proc/self' can't be written")


def test_what_came_is_told_as_progress(clone: Any, row: Any, server: Any, answer: Any, folder: Path) -> None:
    events = []

    class Watching(SilentProgress):
        def advance(self, event: Any) -> None:
            events.append((event.stage, event.done, event.total, event.instance))

    clone.offer(card=row(sha256=SHA256))
    server.says(answer(CONTENT))
    pull("card", (), Watching())
    assert events[0] == ("downloading", 0, len(CONTENT), "card")
    assert events[-1] == ("downloading", len(CONTENT), len(CONTENT), "card")


def test_no_file_is_in_its_place_without_its_record(
    clone: Any,
    row: Any,
    server: Any,
    answer: Any,
    progress: SilentProgress,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupt(_: object) -> Path:
        raise KeyboardInterrupt

    clone.offer(card=row(sha256=SHA256[:8]))
    server.says(answer(CONTENT))
    with monkeypatch.context() as patched:
        patched.setattr(pulls.Fetched, "keep", interrupt)
        with pytest.raises(KeyboardInterrupt):
            pull("card", (), progress)
    assert not (folder / "file.pth").exists()
    assert weights.recorded_sha256(folder / "file.pth") == SHA256
    # The lock went with the one that was interrupted, and nothing is fetched twice.
    assert pull("card", (), progress).sha256 == SHA256
    assert len(server.requests) == 1
    assert names(folder) == NAMES


def test_the_manifest_of_the_project_is_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = weights.manifest() | weights.downloadable()
    assert len(rows) == len(weights.manifest()) + len(weights.downloadable())
    for model in rows.values():
        assert model.classes == "coco80" or isinstance(model.classes, tuple)
        assert len(model.input) > 20
        assert model.family
        assert model.origin
    for model in weights.downloadable().values():
        assert model.url.startswith("https://")
        assert model.commercial_use == "yes" or model.terms
        # Official first digits come from the publisher's file name, and stand in ours.
        for digits in model.checksums.values():
            assert digits in model.url.rpartition("/")[2]
            assert digits in model.path.name
    assert len({model.path.name for model in weights.downloadable().values()}) == len(weights.downloadable())


@pytest.mark.parametrize(
    ("name", "weights_name"),
    [
        ("torchvision_mask_rcnn_v1", "MaskRCNN_ResNet50_FPN_Weights"),
        ("torchvision_mask_rcnn_v2", "MaskRCNN_ResNet50_FPN_V2_Weights"),
    ],
)
def test_rows_of_torchvision_are_those_of_torchvision(name: str, weights_name: str) -> None:
    detection = pytest.importorskip("torchvision.models.detection")
    official = getattr(detection, weights_name).COCO_V1
    model = find_model(name)
    assert model.url == official.url
    assert model.sha256 == official.url.rpartition("-")[2].removesuffix(".pth")
    assert weights_name in model.origin


def test_the_doctor_tells_of_pulled_models(
    clone: Any, row: Any, server: Any, answer: Any, progress: SilentProgress, folder: Path
) -> None:
    clone.offer(card=row(sha256=SHA256), absent=row(sha256=SHA256, file="absent.pth"))
    server.says(answer(CONTENT))

    def rows() -> dict[str, Finding]:
        return {finding.what: finding for finding in examine() if "model" in finding.what + finding.found}

    lost = f"$SEMANTIC_MATTE_WEIGHTS names '{folder}', which is not there"
    assert Finding("weights folder", "warning", lost) in examine()
    pull("card", (), progress)
    assert Finding("weights folder", "ok", str(folder)) in examine()
    assert rows()["model card"] == Finding("model card", "ok", "MIT, checked by its sha256")
    assert "model absent" not in rows()
    damage(folder / "file.pth")
    assert rows()["model card"].status == "error"
