"""Style strength as a slider beside its number, in a real napari."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QLineEdit

from napari_nst.plugin.fields.log_slider import LEAST, MOST, place_of, value_of
from napari_nst.settings.config import StyleConfig

pytestmark = pytest.mark.gui

PLACES = st.integers(place_of(LEAST), place_of(MOST))


@given(PLACES)
def test_a_place_is_that_of_its_number_which_has_two_digits(place):
    assert abs(place_of(value_of(place)) - place) <= 3
    assert f"{value_of(place):.2g}" == f"{value_of(place):g}"


@given(PLACES, PLACES)
def test_numbers_rise_with_places_and_mirror_at_one(first, second):
    assert value_of(min(first, second)) <= value_of(max(first, second))
    assert value_of(first) * value_of(-first) == pytest.approx(1, rel=0.1)


@given(st.floats(0, 1e12))
def test_any_number_has_a_place_on_the_slider(value):
    assert value_of(place_of(value)) == pytest.approx(min(max(value, LEAST), MOST), rel=0.07)


def test_the_ends_and_the_middle_are_round_numbers():
    assert [value_of(place) for place in (place_of(LEAST), 0, place_of(MOST))] == [LEAST, 1, MOST]


@pytest.fixture
def slider(docked):
    return docked.form.strength_slider


@pytest.fixture
def strength(docked):
    return docked.form.basic["style_strength"]


def test_slider_and_number_keep_in_step(docked, slider, strength):
    slider.setValue(place_of(2))
    assert strength.value == docked.form.config().style_strength == 2
    strength.native.setValue(0.5)
    assert slider.value() == place_of(0.5)
    docked.form.apply(StyleConfig(style_strength=4))
    assert slider.value() == place_of(4)


def test_a_number_beyond_an_end_stays_as_it_is(docked, slider, strength):
    for value, end in ((250.0, MOST), (0.0, LEAST), (0.001, LEAST)):
        docked.form.apply(StyleConfig(style_strength=value))
        assert slider.value() == place_of(end)
        assert docked.form.config().style_strength == value
        assert strength.value == value


def test_a_long_number_is_not_cut_off(docked, strength, settled):
    docked.window().show()
    settled(docked)
    line = strength.native.findChild(QLineEdit)
    for value in (1.0, 0.0012345, 12345.678):
        docked.form.apply(StyleConfig(style_strength=value))
        assert line.fontMetrics().horizontalAdvance(line.text()) < line.width(), value


def test_a_dragged_handle_stays_where_the_mouse_has_it(slider):
    for place in range(slider.minimum(), slider.maximum() + 1):
        slider.setValue(place)
        assert slider.value() == place


def test_keys_move_the_number_about_one(slider, strength):
    QTest.keyClick(slider, Qt.Key.Key_PageUp)
    assert strength.value == 2
    QTest.keyClick(slider, Qt.Key.Key_PageDown)
    assert strength.value == 1
    QTest.keyClick(slider, Qt.Key.Key_Home)
    assert strength.value == LEAST


def test_the_wheel_scrolls_the_form_unless_the_slider_has_the_focus(slider, strength):
    event = QWheelEvent(
        QPointF(5, 5), QPointF(5, 5), QPoint(0, 120), QPoint(0, 120),
        Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    slider.clearFocus()
    QApplication.sendEvent(slider, event)
    assert strength.value == 1
    assert not event.isAccepted()


def test_moving_the_slider_steers_the_run_once_it_rests(
    docked, slider, pictures, engine, qtbot, monkeypatch
):
    engine(100_000, wait_s=0.005)
    docked.panel.run.click()
    run = docked.current
    qtbot.waitUntil(lambda: bool(run.points))
    docked.panel.steer.setChecked(True)
    steered = []
    monkeypatch.setattr(run, "steer", lambda **changes: steered.append(changes))
    for place in range(0, place_of(4) + 1, 5):
        slider.setValue(place)
    slider.setValue(place_of(4))
    assert not steered
    qtbot.waitUntil(lambda: bool(steered))
    qtbot.wait(500)
    assert steered == [{"style_strength": 4}]


def test_filling_the_form_moves_the_slider_and_steers_nothing(docked, slider, qtbot):
    edited = []
    docked.form.edited.connect(edited.append)
    docked.form.apply(StyleConfig(style_strength=3))
    assert edited == []
    slider.setValue(0)
    assert edited == ["style_strength"]


def test_the_slider_has_a_name_of_its_own(slider, strength):
    assert slider.accessibleName() == "Style strength, slider from 0.1 to 10"
    assert slider.toolTip() == strength.native.toolTip()
