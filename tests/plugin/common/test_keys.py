import re
from pathlib import Path

import pytest
from app_model.types import KeyBinding
from napari.components import ViewerModel
from napari.utils.shortcuts import _default_shortcuts

from napari_nst.plugin.common import keys
from napari_nst.plugin.common.keys import KEYS, KeyBindings, key_text


@pytest.fixture
def viewer():
    return ViewerModel()


def press(viewer, key):
    viewer.keymap[KeyBinding.from_str(key.replace("Control", "Ctrl").replace("-", "+"))](viewer)


def test_keys_act_while_bound_and_are_given_back(viewer):
    pressed = []
    bindings = KeyBindings(viewer, {"run": lambda: pressed.append(1)})
    bindings.bind()
    bindings.bind()
    press(viewer, KEYS["run"])
    assert pressed == [1]
    bindings.unbind()
    bindings.unbind()
    assert not viewer.keymap


def test_a_key_of_the_users_stays_the_users(viewer):
    pressed = []
    viewer.bind_key(KEYS["run"], lambda _: pressed.append("theirs"))
    bindings = KeyBindings(viewer, {"run": lambda: pressed.append("ours")})
    bindings.bind()
    press(viewer, KEYS["run"])
    bindings.unbind()
    press(viewer, KEYS["run"])
    assert pressed == ["theirs", "theirs"]


def test_no_key_is_one_of_naparis():
    taken = {
        str(KeyBinding.from_int(int(key))) for each in _default_shortcuts.values() for key in each
    }
    ours = {
        str(KeyBinding.from_str(key.replace("Control", "Ctrl").replace("-", "+")))
        for key in KEYS.values()
    }
    assert len(ours) == len(KEYS)
    assert not ours & taken
    assert not ours & menu_keys()


def menu_keys():
    import napari._qt._qapp_model.qactions as actions

    texts = (path.read_text("utf-8") for path in Path(actions.__path__[0]).glob("*.py"))
    found = re.findall(r"KeyMod.CtrlCmd \| KeyMod.Alt \| KeyCode.Key([A-Z])\b", "".join(texts))
    assert found
    return {f"Ctrl+Alt+{letter}" for letter in found}


def test_every_key_has_a_modifier():
    assert all(key.startswith("Control-Alt-") for key in KEYS.values())


@pytest.mark.parametrize(("system", "text"), [("linux", "Ctrl+Alt+R"), ("darwin", "⌘+⌥+R")])
def test_hints_name_the_key_as_the_keyboard_does(monkeypatch, system, text):
    monkeypatch.setattr(keys.sys, "platform", system)
    assert key_text("run") == text
