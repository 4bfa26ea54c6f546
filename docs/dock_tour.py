"""What users found surprising in the dock, gone through by script in a real napari.

    scripts/with-display.sh .venv/bin/python docs/dock_tour.py FOLDER [--window 1024x700]

writes tutorial-tour-*.png into FOLDER, and stops at the first thing that is not as a user means it.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

from make_screenshots import check
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import (
    QApplication,
    QDialogButtonBox,
    QFileDialog,
    QLineEdit,
    QMessageBox,
    QPushButton,
    QWidget,
)
from screen import Screen

from napari_nst import samples
from napari_nst.files.images import read_picture, write_picture
from napari_nst.plugin.commands import open_dock
from napari_nst.plugin.layers.extents import overlap, rectangle_of
from napari_nst.plugin.runs.viewer_run import ViewerRun

SIZE_PX, STEPS, LONG = 96, 30, 5000
_ANIMATED_MS = 400


class Tour:
    """A scripted user who mistrusts the dock.

    Parameters
    ----------
    screen
        The window.
    folder
        For files of the tour.
    """

    def __init__(self, screen: Screen, folder: Path) -> None:
        self.screen, self.folder = screen, folder
        self.viewer, self.dock = screen.viewer, screen.dock

    def go(self) -> None:
        """Do everything."""
        self.drop_a_style()
        run = self.paint()
        self.save(run)
        self.close_and_reopen()
        self.see_what_lies_beneath()
        self.undo_a_deletion()
        self.preview_and_full_size()
        self.gallery()
        self.leave_during_a_run()

    def drop_a_style(self) -> None:
        """Open a content, and drop a file on the dock for the style."""
        self.viewer.add_image(samples.photograph("coffee"), name="coffee")
        painting = self.folder / "painting.png"
        write_picture(painting, samples.style("brush strokes"))
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(painting))])
        at, copy = QPointF(9, 9), Qt.DropAction.CopyAction
        buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        for event in (
            QDragEnterEvent(at.toPoint(), copy, data, buttons, keys),
            QDropEvent(at, copy, data, buttons, keys),
        ):
            QApplication.sendEvent(self.dock, event)
        QTest.qWait(_ANIMATED_MS)
        style = self.dock.form.pickers.style.value
        check(style is not None and style.name == "painting", "a dropped file is the style")

    def paint(self) -> ViewerRun:
        """Run; the style goes aside, and settings typed meanwhile are the next run's."""
        self._set(size=SIZE_PX, steps=LONG)
        self.dock.panel.run.click()
        run = self._until_step(3)
        content, style = (self.viewer.layers[name] for name in ("coffee", "painting"))
        dims = self.viewer.dims
        covered = overlap(rectangle_of(content, dims), rectangle_of(style, dims))
        check(covered == 0 and style.visible, "the style lies beside the content")
        self._set(style_strength=2.0)
        QTest.qWait(_ANIMATED_MS)
        check(run.config.style_strength == 1, "settings are the next run's")
        self.screen.shoot("tour-running")
        self.dock.panel.stop.click()
        return self._finish()

    def save(self, run: ViewerRun) -> None:
        """Save by the button, and find the settings in the file."""
        path = self.folder / "kept.png"

        def answer(dialog: QWidget) -> None:
            assert isinstance(dialog, QFileDialog)
            line = dialog.findChild(QLineEdit, "fileNameEdit")
            assert line is not None
            line.setText(str(path))
            self.screen.shoot("tour-save")
            buttons = dialog.findChild(QDialogButtonBox)
            assert buttons is not None
            buttons.button(QDialogButtonBox.StandardButton.Save).click()

        self.screen.answer(answer)
        self.dock.panel.save.click()
        check(read_picture(path).shape == run.result.image.shape, "Save… writes the picture")

    def close_and_reopen(self) -> None:
        """Close the dock by its × during a run, and open it again."""
        self._set(steps=LONG)
        self.dock.panel.run.click()
        run = self._until_step(2)
        (title,) = [
            button
            for button in self.dock.parentWidget().titleBarWidget().findChildren(QPushButton)
            if button.objectName() == "QTitleBarCloseButton"
        ]
        title.click()
        QTest.qWait(_ANIMATED_MS)
        check(not self.dock.isVisible() and run.state.active, "a run goes on without its dock")
        self.screen.shoot("tour-closed")
        check(open_dock(self.viewer) is self.dock, "a viewer has one dock")
        check(self.dock.current is run and self.dock.isVisible(), "the dock shows the run again")
        self.dock.panel.stop.click()
        self._finish()

    def see_what_lies_beneath(self) -> None:
        """Hold to see the content; blink."""
        panel = self.dock.compare_panel
        result = self.dock.current.live.layer
        panel.before.pressed.emit()
        QTest.qWait(_ANIMATED_MS)
        check(result.opacity == 0 or not result.visible, "held, the content is seen")
        self.screen.shoot("tour-before")
        panel.before.released.emit()
        check(result.opacity == 1 and result.visible, "released, the result is back")
        panel.toggle_blink()
        QTest.qWait(2 * _ANIMATED_MS)
        check(panel.comparison.shown is not None, "blinking goes by itself")
        panel.toggle_blink()
        panel.leave()

    def undo_a_deletion(self) -> None:
        """Delete the newest run, and bring it back."""
        run = self.dock.session.runs[-1]
        self.dock.runs_list.select(run)
        asked: list[bool] = []

        def answer(dialog: QWidget) -> None:
            assert isinstance(dialog, QMessageBox)
            yes, no = QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No
            asked.append(dialog.defaultButton() is dialog.button(no))
            dialog.button(yes).click()

        self.screen.answer(answer)
        self.dock.actions_of_runs.delete([run])
        check(asked == [True], "No is the answer that Return gives")
        check(run not in self.dock.session.runs, "the run is gone")
        self.screen.shoot("tour-deleted")
        self.dock.undo_stack.undo()
        check(run in self.dock.session.runs and run.live.layer is not None, "the run is back")

    def preview_and_full_size(self) -> None:
        """Preview, change the form, and run what the preview showed at full size."""
        self._set(steps=STEPS, style_strength=3.0)
        self.dock.panel.preview.click()
        self._finish()
        self._set(style_strength=7.0)
        self.screen.shoot("tour-preview")
        self.dock.panel.full.click()
        check(self._finish().config.style_strength == 3, "full size is what the preview showed")

    def gallery(self) -> None:
        """Open the gallery and pick a style with one click."""
        styles = self.dock.form.styles
        styles.gallery_button.click()
        QTest.qWait(3 * _ANIMATED_MS)
        self.screen.shoot("tour-gallery")
        (tile,) = [tile for tile in styles.popup.tiles if tile.shows.title == "mosaic"]
        tile.click()
        check(self.dock.form.pickers.style.value.name == "mosaic", "one click picks a style")

    def leave_during_a_run(self) -> None:
        """Close the window in mid-run: stay once, then stop and discard."""
        self._set(steps=LONG)
        self.dock.panel.run.click()
        run = self._until_step(2)
        buttons = QMessageBox.StandardButton
        for button, stays in ((buttons.Cancel, True), (buttons.Discard, False)):

            def answer(dialog: QWidget, button: QMessageBox.StandardButton = button) -> None:
                assert isinstance(dialog, QMessageBox)
                if button is buttons.Discard:
                    self.screen.shoot("tour-leaving")
                dialog.button(button).click()

            self.screen.answer(answer)
            self.screen.window.close()
            if stays:
                check(run.state.active, "Cancel lets the run go on")
        self.screen.wait(lambda: run._worker is None, "the run ends with the window")

    def _set(self, **settings: object) -> None:
        form = self.dock.form
        for name, value in settings.items():
            (form.basic | form.advanced)[name].value = value

    def _until_step(self, step: int) -> ViewerRun:
        run = self.dock.session.runs[-1]
        self.screen.wait(
            lambda: bool(run.points) and run.points[-1].iteration >= step and bool(run.layers),
            f"step {step} of {run.name}",
        )
        return run

    def _finish(self) -> ViewerRun:
        run = self.dock.session.runs[-1]
        self.screen.wait(lambda: run.state.over and run._worker is None, f"the end of {run.name}")
        check(run.result is not None, run.text)
        return run


def main() -> None:
    """Read the options and go."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--window", default="1280x800", help="width x height in pixels")
    parser.add_argument("--theme", default="dark", choices=("dark", "light"))
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    width, height = map(int, options.window.split("x"))
    with TemporaryDirectory() as files:
        Tour(Screen(options.folder, (width, height), options.theme), Path(files)).go()


if __name__ == "__main__":
    main()
