"""The template checked by OpenJD's own model, as a farm will read it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from semantic_matte.errors import UsageError


def check_template(template: dict[str, Any], values: Mapping[str, str | int | float], folder: Path) -> bool:
    """Whether it could be checked: False where the package openjd-model isn't there.

    values: of the job's parameters, by name. folder: where the template will lie. Raises UsageError with what
    the model finds wrong, which can only come from a name or value that OpenJD does not allow.
    """
    try:
        from openjd.model import (
            DecodeValidationError,
            create_job,
            decode_job_template,
            preprocess_job_parameters,
        )
    except ImportError:
        return False
    try:
        decoded = decode_job_template(template=template, supported_extensions=template["extensions"])
        given = preprocess_job_parameters(
            job_template=decoded,
            job_parameter_values={name: str(value) for name, value in values.items()},
            job_template_dir=folder.absolute(),
            current_working_dir=folder.absolute(),
        )
        create_job(job_template=decoded, job_parameter_values=given)
    except (DecodeValidationError, ValueError) as error:
        said = " ".join(str(error).split())
        raise UsageError(f"OpenJD does not allow a job of these names and values: {said}") from None
    return True
