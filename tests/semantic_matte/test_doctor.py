"""What the doctor finds on a sound machine and on sick ones. The command is in test_cli.py."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import semantic_matte as sm
from semantic_matte import weights
from semantic_matte.doctor import Finding, examine, machine, packages
from semantic_matte.estimators import BROUGHT
from semantic_matte.segmenters import BROUGHT as SEGMENTERS
from semantic_matte.trackers import BROUGHT as TRACKERS
from semantic_matte.weights import manifest


def rows() -> dict[str, Finding]:
    return {finding.what: finding for finding in examine()}


def test_a_sound_machine_has_no_errors() -> None:
    found = rows()
    assert [what for what, finding in found.items() if finding.status == "error"] == []
    assert found["semantic-matte"].found == sm.__version__
    for name in manifest():
        assert found[f"model {name}"].status == "ok"
        assert "checksum good" in found[f"model {name}"].found
    assert found["device"].found.startswith(("cpu: ", "cuda:0: ", "mps: "))
    for finding in found.values():
        assert finding.as_dict() == {"what": finding.what, "status": finding.status, "found": finding.found}


def test_what_is_optional_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        packages, "PACKAGES", {"no-such-package-a": True, "no-such-package-b": False, "numpy": True}
    )
    found = rows()
    assert found["no-such-package-a"] == Finding(
        "no-such-package-a", "error", "missing: install semantic-matte again"
    )
    assert found["no-such-package-b"] == Finding("no-such-package-b", "ok", "not installed (optional)")


@pytest.mark.parametrize(
    ("value", "status", "said"),
    [
        (None, "ok", "built-in configuration"),
        ("", "ok", "built-in configuration"),
        ("ocio://default", "ok", "ocio://default"),
        ("ocio://default", "ok", "colour spaces"),
        ("nowhere.ocio", "warning", "nowhere.ocio"),
        ("broken.ocio", "error", "correct the OCIO environment variable"),
        ("ocio://nonsense", "error", "correct the OCIO environment variable"),
    ],
)
def test_the_colour_configuration(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: str | None, status: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.ocio").write_text("ocio_profile_version: 2\nroles: [", encoding="utf-8")
    if value is None:
        monkeypatch.delenv("OCIO", raising=False)
    else:
        monkeypatch.setenv("OCIO", value)
    finding = rows()["OCIO"]
    assert finding.status == status
    assert said in finding.found


def test_lost_models_are_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(weights, "_FOLDERS", (tmp_path,))
    manifest.cache_clear()
    try:
        finding = rows()["models"]
    finally:
        monkeypatch.undo()
        manifest.cache_clear()
    assert finding.status == "error"
    assert "Install semantic-matte again" in finding.found


@pytest.mark.parametrize("name", sorted(BROUGHT))
def test_kinds_of_models_that_a_user_may_bring(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    brought = BROUGHT[name]
    monkeypatch.setitem(BROUGHT, name, replace(brought, package="json"))
    ready = Finding(f"estimator {name}", "ok", f"ready: --estimator {name}:path/to/{brought.example}")
    assert rows()[f"estimator {name}"] == ready
    monkeypatch.setitem(BROUGHT, name, replace(brought, package="no_such_package", extra="its-extra"))
    missing = "not installed (optional): pip install 'semantic-matte[its-extra]'"
    assert rows()[f"estimator {name}"] == Finding(f"estimator {name}", "ok", missing)


@pytest.mark.parametrize("name", sorted(TRACKERS))
def test_kinds_of_models_that_tie_objects(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    what, brought = f"tracker {name}", TRACKERS[name]
    monkeypatch.setitem(TRACKERS, name, replace(brought, package="json"))
    assert rows()[what] == Finding(what, "ok", f"ready: --tracker {name}:{brought.example}")
    monkeypatch.setitem(TRACKERS, name, replace(brought, package="no_such_package", extra="its-extra"))
    missing = "not installed (optional): pip install 'semantic-matte[its-extra]'"
    assert rows()[what] == Finding(what, "ok", missing)


@pytest.mark.parametrize("name", sorted(SEGMENTERS))
def test_kinds_of_models_that_find_objects(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    what, brought = f"segmenter {name}", SEGMENTERS[name]
    monkeypatch.setitem(SEGMENTERS, name, replace(brought, package="json"))
    assert rows()[what] == Finding(what, "ok", f"ready: --segmenter {name}:{brought.example}")
    lacking = replace(brought, package="no_such_package", extra="its-extra", source="")
    monkeypatch.setitem(SEGMENTERS, name, lacking)
    missing = "not installed (optional): pip install 'semantic-matte[its-extra]'"
    assert rows()[what] == Finding(what, "ok", missing)
    monkeypatch.setitem(SEGMENTERS, name, replace(lacking, source="https://example.org/it"))
    assert rows()[what].found == f"{missing}, then build it as https://example.org/it says"
    monkeypatch.setitem(SEGMENTERS, name, replace(lacking, extra=""))
    assert rows()[what].found == "not installed (optional): pip install no_such_package"


def test_what_the_default_segmenter_is() -> None:
    rows = {finding.what: finding for finding in examine()}
    assert rows["segmenter auto"].found == "takes 'starter'"


def test_a_check_that_breaks_is_one_error_and_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise RuntimeError("oh\nno")

    monkeypatch.setattr(machine, "memory", broken)
    found = rows()
    assert found["memory"].status == "error"
    assert found["memory"].found.startswith("this could not be checked (RuntimeError: oh)")
    assert found["OCIO"].status == "ok"


def test_importing_the_doctor_is_light() -> None:
    code = "import sys, semantic_matte.doctor; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"torch", "cv2", "OpenImageIO", "numpy", "PIL", "pydantic", "rich"}
    assert heavy & set(done.stdout.split()) == set()
