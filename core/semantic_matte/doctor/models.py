"""The models: those that travel along, those that were pulled, and those that a user may bring."""

from __future__ import annotations

import importlib.util

from semantic_matte.doctor.finding import Finding
from semantic_matte.errors import SemanticMatteError


def models() -> list[Finding]:
    """The embedded models, each with its licence and whether its checksum is good."""
    from semantic_matte.weights import manifest, read_checked

    try:
        models = manifest()
    except SemanticMatteError as error:
        return [Finding("models", "error", str(error))]
    findings = []
    for model in models.values():
        try:
            read_checked(model)
        except SemanticMatteError as error:
            findings.append(Finding(f"model {model.name}", "error", str(error)))
        else:
            text = f"{model.task}, {model.licence}, checksum good"
            findings.append(Finding(f"model {model.name}", "ok", text))
    return findings


def pulled_models() -> list[Finding]:
    """The folder of pulled models, and each that is in it."""
    from semantic_matte.weights import checked, downloadable, how_checked, present
    from semantic_matte.weights_folders import FOLDER_VARIABLE, named_folder, search_folders

    named = named_folder()
    lost = named is not None and not named.is_dir()
    folder = f"${FOLDER_VARIABLE} names '{named}', which is not there" if lost else str(search_folders()[0])
    findings = [Finding("weights folder", "warning" if lost else "ok", folder)]
    try:
        rows = downloadable()
    except SemanticMatteError:
        # The row of the embedded models tells of it: it is the same manifest.
        return findings
    for name, model in rows.items():
        place = present(model)
        if place is None:
            continue
        try:
            checked(model, place)
            findings.append(Finding(f"model {name}", "ok", f"{model.licence}, {how_checked(model, place)}"))
        except SemanticMatteError as error:
            findings.append(Finding(f"model {name}", "error", str(error)))
    return findings


def brought_models() -> list[Finding]:
    """Which kinds of models besides the embedded ones can be used, and what the others lack."""
    from semantic_matte import estimators, segmenters, trackers

    findings = [_default_segmenter()]
    for name, estimator in estimators.BROUGHT.items():
        ready = f"--estimator {name}:path/to/{estimator.example}"
        found = _ready(ready, estimator.package, estimator.extra)
        findings.append(Finding(f"estimator {name}", "ok", found))
    for name, segmenter in segmenters.BROUGHT.items():
        found = _ready(
            f"--segmenter {name}:{segmenter.example}", segmenter.package, segmenter.extra, segmenter.source
        )
        findings.append(Finding(f"segmenter {name}", "ok", found))
    for name, tracker in trackers.BROUGHT.items():
        found = _ready(f"--tracker {name}:{tracker.example}", tracker.package, tracker.extra)
        findings.append(Finding(f"tracker {name}", "ok", found))
    return findings


def _default_segmenter() -> Finding:
    """What `--segmenter auto`, the default, takes here; terms that have to be accepted are not, here."""
    from semantic_matte.segmenters.best import AUTO, best_present
    from semantic_matte.settings import Settings

    try:
        return Finding(f"segmenter {AUTO}", "ok", f"takes '{best_present(Settings())[0]}'")
    except SemanticMatteError as error:
        return Finding(f"segmenter {AUTO}", "error", str(error))


def _ready(option: str, package: str, extra: str, source: str = "") -> str:
    """The option that takes such a model, or how to install the package that it needs, if it needs one."""
    if not package or importlib.util.find_spec(package) is not None:
        return f"ready: {option}"
    install = f"'semantic-matte[{extra}]'" if extra else package
    build = f", then build it as {source} says" if source else ""
    return f"not installed (optional): pip install {install}{build}"
