"""The add-on as a package: enabled and disabled in a real Blender, with nothing left behind."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator

import addon_utils
import pytest
from leftovers import ADDON, CLIENT, NOTHING, everything_of_ours


def enable() -> None:
    errors: list[Exception] = []
    addon_utils.enable(ADDON, default_set=True, handle_error=errors.append)
    assert errors == []


def disable() -> None:
    errors: list[Exception] = []
    addon_utils.disable(ADDON, default_set=True, handle_error=errors.append)
    assert errors == []


@pytest.fixture(autouse=True)
def enabled_afterwards() -> Iterator[None]:
    yield
    if not addon_utils.check(ADDON)[1]:
        enable()


def test_disabled_it_leaves_nothing_behind() -> None:
    here = everything_of_ours()
    # Or nothing could be found missing.
    there = {name for name, found in here.items() if found}
    assert there == {"handlers", "classes", "pointers", "operators", "menus", "client"}
    assert here["path"] == []
    disable()
    gc.collect()
    assert everything_of_ours() == NOTHING


def test_it_can_be_enabled_twice_and_again() -> None:
    here = everything_of_ours()
    enable()
    assert everything_of_ours() == here
    disable()
    disable()
    enable()
    assert everything_of_ours() == here


def test_the_console_imports_the_client_by_its_name() -> None:
    import semantic_matte_client as sm

    assert sm.controls()
    assert ADDON.rpartition(".")[2] in sm.__file__


def test_a_client_that_somebody_else_imported_is_left_alone() -> None:
    disable()
    from types import ModuleType

    foreign = ModuleType(CLIENT)
    foreign.__version__ = "0.0.1"
    foreign.__file__ = "elsewhere.py"
    sys.modules[CLIENT] = foreign
    try:
        errors: list[Exception] = []
        addon_utils.enable(ADDON, default_set=True, handle_error=errors.append)
        from bl_ext.user_default.semantic_matte import client_package

        (refusal,) = errors
        with pytest.raises(client_package.ClientPackageError, match=r"of version 0\.0\.1.*restart Blender"):
            raise refusal
        with pytest.raises(client_package.ClientPackageError, match=r"of version 0\.0\.1.*restart Blender"):
            client_package.client()
        assert {**everything_of_ours(), "client": []} == NOTHING
        disable()
        assert sys.modules[CLIENT] is foreign
    finally:
        del sys.modules[CLIENT]


def test_a_part_that_cannot_register_takes_the_others_back(monkeypatch: pytest.MonkeyPatch) -> None:
    disable()
    addon = sys.modules[ADDON]
    last = addon.registering.parts()[-1]

    def refuse() -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(last, "register", refuse)
    with pytest.raises(RuntimeError, match="no"):
        addon.register()
    assert everything_of_ours() == NOTHING
