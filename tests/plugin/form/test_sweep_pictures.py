"""The table of pictures that a sweep goes through."""

import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

pytestmark = pytest.mark.gui


@pytest.mark.parametrize("side", ["left", "middle", "right"])
def test_a_click_anywhere_in_a_cell_ticks_it_and_takes_the_tick_back(
    docked, viewer, pictures, qtbot, side
):
    viewer.add_image(pictures[0].data, name="third")
    form = docked.sweep_panel.pictures
    qtbot.addWidget(form)
    form.setParent(None)
    form.show()
    cell = form.table.visualItemRect(form.table.item(2, 1))
    x = {"left": cell.left() + 2, "middle": cell.center().x(), "right": cell.right() - 3}[side]
    before = form.is_ticked(2, 1)
    for ticked in (not before, before):
        QTest.mouseClick(
            form.table.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(x, cell.center().y())
        )
        assert form.is_ticked(2, 1) is ticked


def test_the_runs_of_a_sweep_are_counted_by_contents_and_styles(docked, viewer, pictures):
    viewer.add_image(pictures[0].data, name="third")
    form = docked.sweep_panel.pictures
    for column, ticks in ((1, (True, False, False)), (2, (False, True, True))):
        for row, ticked in enumerate(ticks):
            form.tick(row, column, ticked=ticked)
    assert form.text.text() == "1 content × 2 styles: 2 runs"
