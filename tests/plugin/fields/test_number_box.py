import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from qtpy.QtCore import QLocale, Qt
from qtpy.QtTest import QTest

from napari_nst.errors import ConfigError
from napari_nst.plugin.fields.number_box import NumberBox
from napari_nst.plugin.fields.setting_widgets import make_widget

pytestmark = pytest.mark.gui


@pytest.fixture
def typed(qtbot):
    """Type a text over what a setting's box shows, key by key, and leave the box."""

    def type_into(name, text):
        widget = make_widget(name)
        qtbot.addWidget(widget.native)
        widget.native.show()
        widget.native.lineEdit().clear()
        QTest.keyClicks(widget.native, text)
        QTest.keyClick(widget.native, Qt.Key.Key_Return)
        return widget

    return type_into


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("style_strength", "1e9", 1e9),
        ("style_strength", "1e-9", 1e-9),
        ("style_strength", "1E+3", 1000.0),
        ("tv_weight", "0.12345678901234567", 0.12345678901234567),
        ("style_weight", "1.5e-300", 1.5e-300),
        ("seed", "1e9", 10**9),
        ("seed", str(2**63 - 1), 2**63 - 1),
        ("size", "1e3 px", 1000),
        ("size", "2048", 2048),
        ("style_strength", "1,5", 1.5),
        ("style_strength", ",5", 0.5),
        ("style_strength", "0,125", 0.125),
        ("size", "original", None),
        ("steps", "preset", None),
        ("steps", "", None),
    ],
)
@pytest.mark.parametrize("language", [QLocale.Language.English, QLocale.Language.German])
def test_what_is_typed_is_the_value_in_every_language(typed, name, text, value, language):
    before = QLocale()
    QLocale.setDefault(QLocale(language))
    try:
        assert typed(name, text).value == value
    finally:
        QLocale.setDefault(before)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("style_strength", "1e20", "Style strength: a number between 0 and 1e.12; got 1e20"),
        ("style_strength", "-1", "Style strength: a number between"),
        ("style_strength", "abc", "^Style strength: a number such as 0.5; got “abc”$"),
        ("style_strength", "1e", "Style strength: a number.*“1e”"),
        ("style_strength", "1,000", "Style strength: a number.*“1,000”"),
        ("style_strength", "1,5,2", "Style strength: a number.*“1,5,2”"),
        ("steps", "2,0", "Steps: a whole number.*“2,0”"),
        ("style_strength", "", "Style strength"),
        ("tv_weight", "nan", "Smoothness: a number"),
        ("size", "15", "Size: a number between 16 px and 65536 px; got 15"),
        ("size", "1e9", "Size: a number between"),
        ("size", "20.5", "Size: a whole number"),
        ("seed", "99999999999999999999", "Seed: a number between"),
        ("seed", "1e999999999", "Seed: a number between"),
    ],
)
def test_what_makes_no_number_stays_and_is_named(typed, name, text, words):
    widget = typed(name, text)
    assert widget.native.lineEdit().text() == text
    with pytest.raises(ConfigError, match=words):
        widget.get_value()


def test_another_number_takes_the_place_of_a_bad_text(typed):
    widget = typed("style_strength", "abc")
    widget.value = 1.0
    assert widget.value == 1


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.floats(0, 1e12))
def test_the_text_is_the_number(qtbot, value):
    box = NumberBox("Weight", low=0, high=1e12)
    qtbot.addWidget(box)
    box.setValue(value)
    assert float(box.lineEdit().text()) == box.read() == value


@pytest.mark.parametrize(
    ("value", "steps", "after"),
    [
        (1.0, 1, 1.1),
        (1.0, -1, 0.99),
        (0.3, -3, 0.27),
        (0.0, 1, 0.01),
        (0.0, -1, 0.0),
        (150.0, 1, 160.0),
        (1e12, 1, 1e12),
    ],
)
def test_arrows_go_by_the_order_of_magnitude_within_the_bounds(qtbot, value, steps, after):
    box = NumberBox("Weight", low=0, high=1e12)
    qtbot.addWidget(box)
    box.setValue(value)
    box.stepBy(steps)
    assert box.read() == after


def test_below_the_least_number_is_the_word_for_none(qtbot):
    box = NumberBox("Size", low=16, high=100, whole=True, unit="px", absent="original")
    qtbot.addWidget(box)
    box.setValue(16)
    box.stepBy(-1)
    assert box.read() is None
    assert box.lineEdit().text() == "original"
    box.stepBy(1)
    assert box.read() == 16


def test_each_number_is_told_once(qtbot):
    box = NumberBox("Weight", low=0, high=10)
    qtbot.addWidget(box)
    told = []
    box.valueChanged.connect(told.append)
    for value in (3.0, 3.0, 4.0):
        box.setValue(value)
    assert told == [3.0, 4.0]


@pytest.mark.parametrize(
    ("name", "text", "shown"),
    [("size", "96", "96 px"), ("size", "", "original"), ("style_strength", "1,5", "1.5")],
)
def test_a_box_that_is_left_shows_the_number_as_it_was_read(typed, name, text, shown):
    assert typed(name, text).native.lineEdit().text() == shown


@pytest.mark.parametrize("text", ["abc", "-1"])
def test_a_bad_text_is_seen_at_once_and_until_it_is_put_right(typed, text):
    widget = typed("style_strength", text)
    box, help_text = widget.native, make_widget("style_strength").native.toolTip()
    assert "border" in box.styleSheet()
    assert f"got {text}" in box.toolTip() or f"got “{text}”" in box.toolTip()
    widget.value = 2.0
    assert box.styleSheet() == ""
    assert box.toolTip() == help_text


def test_the_dock_says_which_field_has_a_bad_text(docked, pictures):
    box = docked.form.basic["style_strength"].native
    box.lineEdit().setText("abc")
    QTest.keyClick(box, Qt.Key.Key_Return)
    assert docked.panel.text.text() == "Style strength: a number such as 0.5; got “abc”"
    box.setValue(1)
    assert docked.panel.text.text() == ""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("1e9", "1e+09"),
        ("1000000", "1000000"),
        ("250000000000", "2.5e+11"),
        ("0.5", "0.5"),
        ("0.12345678901234567", "0.12345678901234566"),
    ],
)
def test_a_number_is_seen_from_its_beginning_and_large_round_ones_in_short(typed, text, shown):
    widget = typed("style_strength", text)
    line = widget.native.lineEdit()
    assert line.text() == shown
    assert float(line.text()) == widget.value
    assert line.cursorPosition() == 0
