from qtpy.QtWidgets import QLabel

from napari_nst.plugin.panels.run_list import RunRow


def test_a_name_is_shortened_before_its_last_letter_is_cut(docked, pictures, engine, finished):
    engine(2)
    docked.panel.run.click()
    finished(docked)
    (row,) = docked.findChildren(RunRow)
    needed = row.name.fontMetrics().horizontalAdvance(row.name.text())
    for width, is_whole in ((needed + 10, True), (needed + 4, False)):
        row.name.resize(width, row.name.height())
        row.name.setText(row.name.text())  # a window that is not shown delays the resize
        assert (QLabel.text(row.name) == row.name.text()) == is_whole
