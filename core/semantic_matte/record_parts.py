"""What all written records have in common: how their parts are checked, and how their schemas are published."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"

SLOT_PATTERN = r"^[a-z][a-z0-9_]{0,39}$"
SHA256_PATTERN = r"^[0-9a-f]{64}$"


class Part(BaseModel):
    """Can't be changed, nothing may be added, and a value of another type is not taken for one of the right
    type."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def described(description: str, unit: str = "", default: Any = ..., **limits: Any) -> Any:
    """A field with what the schema says of it. unit: of its numbers, "" where it has none."""
    if unit:
        limits["json_schema_extra"] = {"unit": unit}
    return Field(default, description=description, **limits)


def schema_text_of(record: type[Part], identity: str) -> str:
    """The text of a record's JSON Schema, draft 2020-12, under a name of its own."""
    made = record.model_json_schema(by_alias=True)
    return json.dumps({"$schema": SCHEMA_DIALECT, "$id": identity, **made}, indent=2) + "\n"
