"""The one tree of errors, and what a wrong name is answered with."""

from __future__ import annotations

import inspect

import pytest

from semantic_matte import errors
from semantic_matte.errors import (
    CancelledError,
    SemanticMatteError,
    SettingsError,
    UnknownNameError,
    UsageError,
)

ALL = [
    value
    for _, value in inspect.getmembers(errors, inspect.isclass)
    if issubclass(value, Exception) and value.__module__ == errors.__name__
]


@pytest.mark.parametrize("error", ALL, ids=lambda error: error.__name__)
def test_every_error_is_of_the_one_tree_and_has_an_exit_code(error: type[SemanticMatteError]) -> None:
    assert issubclass(error, SemanticMatteError)
    assert error.exit_code == (130 if error is CancelledError else 2 if issubclass(error, UsageError) else 1)
    assert error.__doc__


@pytest.mark.parametrize("error", [error for error in ALL if error is not UnknownNameError])
def test_the_message_is_what_was_said(error: type[SemanticMatteError]) -> None:
    assert str(error("One sentence.")) == "One sentence."


@pytest.mark.parametrize(
    ("name", "known", "closest", "message"),
    [
        (
            "persn",
            ["person", "dog"],
            ["person"],
            "Unknown label 'persn'. Did you mean 'person'? Known: person, dog.",
        ),
        ("PERSON", ["person"], ["person"], "Unknown label 'PERSON'. Did you mean 'person'? Known: person."),
        ("zebra", ["car", "dog"], [], "Unknown label 'zebra'. Known: car, dog."),
        (
            "cat",
            ["car", "cab"],
            ["car", "cab"],
            "Unknown label 'cat'. Did you mean 'car' or 'cab'? Known: car, cab.",
        ),
        ("", ["car"], [], "Unknown label ''. Known: car."),
    ],
)
def test_an_unknown_name_offers_the_nearest_and_lists_all(
    name: str, known: list[str], closest: list[str], message: str
) -> None:
    error = UnknownNameError("label", name, iter(known))
    assert sorted(error.closest) == sorted(closest)
    if len(closest) < 2:
        assert str(error) == message
    assert all(one in str(error) for one in known)
    assert (error.kind, error.name) == ("label", name)


def test_wrong_settings_are_wrong_usage() -> None:
    assert issubclass(SettingsError, UsageError)
    assert issubclass(UnknownNameError, UsageError)
