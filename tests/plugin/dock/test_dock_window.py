"""The dock in a shown window of small sizes: what is seen, and where Tab goes."""

import pytest
from qtpy.QtCore import QPoint, QRect, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QDockWidget, QLabel, QWidget

from napari_nst.plugin import demo
from napari_nst.plugin.demo import fit_to_screen
from napari_nst.plugin.dock.docking import frame_of
from napari_nst.plugin.fields.number_box import NumberBox

pytestmark = pytest.mark.gui


@pytest.fixture
def shown(make_napari_viewer_proxy, settled):
    """The dock in a window of a size: shown(width, height)."""
    viewer = make_napari_viewer_proxy(show=True)
    viewer.open_sample("napari-nst", "sample-pair")
    _, widget = viewer.window.add_plugin_dock_widget("napari-nst", "Neural Style Transfer")

    def at(width, height):
        widget.window().resize(width, height)
        settled(widget)
        return widget

    return at


def unfold_all(dock, settled):
    for fold in (*dock.sections.folds(), dock.form.folded):
        fold.expand(animate=False)
    settled(dock)


def place_in(widget, root):
    return QRect(widget.mapTo(root, QPoint(0, 0)), widget.size())


@pytest.mark.parametrize("size", [(1280, 800), (1024, 700), (1440, 920)])
def test_run_is_in_sight_whatever_is_unfolded(shown, settled, size):
    dock = shown(*size)
    unfold_all(dock, settled)
    dock.weights_panel.suggest()
    settled(dock)
    window = dock.window()
    assert (window.width(), window.height()) == size, "nothing pushes the window's edge"
    for button in (dock.panel.run, dock.panel.pause, dock.panel.stop):
        assert window.rect().contains(place_in(button, window))
        assert not button.visibleRegion().isEmpty()


def test_the_scroll_bar_covers_no_field(shown, settled):
    dock = shown(1024, 700)
    unfold_all(dock, settled)
    viewport = dock.sections.viewport()
    assert dock.sections.verticalScrollBar().isVisible()
    for box in dock.sections.findChildren(QWidget):
        if box.isVisible() and box.focusPolicy() & Qt.FocusPolicy.TabFocus:
            right = place_in(box, viewport).right()
            assert right <= viewport.width(), f"{box.objectName()} ends at {right}"


def test_a_window_is_no_larger_than_its_screen(qtbot, monkeypatch):
    window = QWidget()
    qtbot.addWidget(window)
    window.show()
    fit_to_screen(window)
    room = window.screen().availableGeometry()
    assert window.size().width() == min(1440, room.width())
    monkeypatch.setattr(demo, "_WINDOW_PX", (9000, 9000))
    fit_to_screen(window)
    qtbot.waitUntil(lambda: room.contains(window.frameGeometry()))


def test_the_docks_title_stands_once_docked_or_floating(shown, settled):
    holder = frame_of(shown(1280, 800))
    assert isinstance(holder, QDockWidget)
    for floating in (False, True, False):
        holder.setFloating(floating)
        settled(holder.widget())
        texts = [label.text() for label in holder.titleBarWidget().findChildren(QLabel)]
        assert texts == ["Neural Style Transfer"]
        assert holder.windowTitle() == "Neural Style Transfer"


def tabbed(dock, qtbot, steps):
    """Press Tab and give what has the focus after each; within the dock only."""
    window, stops = dock.window(), []
    for _ in range(steps):
        QTest.keyClick(window.focusWidget(), Qt.Key.Key_Tab)
        stops.append(window.focusWidget())
    return [stop for stop in stops if dock.isAncestorOf(stop)]


def test_tab_goes_as_one_reads_and_past_what_is_folded(shown, qtbot):
    dock = shown(1280, 800)
    dock.form.pickers.content.native.setFocus()
    first = [dock.window().focusWidget()]
    stops = first + tabbed(dock, qtbot, 19)
    basic, styles = dock.form.basic, dock.form.styles
    buttons = dock.form.control_buttons
    assert stops[1:10] == [
        dock.form.content_mask.button,
        dock.form.pickers.style.native,
        styles.browse_button,
        styles.gallery_button,
        buttons.add,
        buttons.crop,
        dock.form.style_list.adjust,
        buttons.regions,
        dock.form.preset,
    ]
    slider = stops.index(dock.form.strength_slider)
    assert stops[slider + 1] is basic["style_strength"].native
    assert [stop for stop in stops if isinstance(stop, NumberBox)] == [
        basic[name].native for name in ("size", "steps", "style_strength", "color_strength")
    ]
    assert not any(dock.form.folded.content().isAncestorOf(stop) for stop in stops)
    assert dock.form.folded.toggleButton() in stops


def test_tab_enters_what_is_unfolded_and_leaves_the_dock(shown, qtbot):
    dock = shown(1280, 800)
    dock.form.folded.expand(animate=False)
    dock.form.folded.toggleButton().setFocus()
    (weights,) = tabbed(dock, qtbot, 1)
    assert weights is dock.form.weights.native
    dock.form.folded.collapse()
    dock.panel.preview.setFocus()
    stops = tabbed(dock, qtbot, 30)
    assert len(stops) < 30, "Tab goes on to napari's own widgets"


def test_each_fold_hides_what_it_folds(shown, qtbot):
    dock = shown(1280, 800)
    for fold in dock.sections.folds():
        if fold.isHidden():
            continue
        fold.toggleButton().click()
        qtbot.waitUntil(lambda fold=fold: fold.content().height() > 20)
        fold.toggleButton().click()
        assert not fold.content().isVisible()
