"""A painter's day in a real napari, by script: every feature once, each step photographed.

    scripts/with-display.sh .venv/bin/python docs/make_screenshots.py [FOLDER] [options]

writes tutorial-*.png, by default into docs/images, and stops at the first thing that is not as
the tutorial says.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from napari.layers import Image, Layer
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import (
    QDialogButtonBox,
    QFileDialog,
    QInputDialog,
    QLineEdit,
    QMessageBox,
    QWidget,
)
from screen import Screen

from napari_nst.files.names import record_of
from napari_nst.plugin.common.preferences import last_file
from napari_nst.plugin.runs.viewer_run import ViewerRun
from napari_nst.runs.progress import RunState
from napari_nst.settings.config import StyleConfig


class Painter:
    """A scripted user.

    Parameters
    ----------
    screen
        The window.
    size, steps
        Of the first run; later ones are smaller.
    """

    def __init__(self, screen: Screen, size: int, steps: int) -> None:
        self.screen = screen
        self.viewer, self.dock = screen.viewer, screen.dock
        self.size, self.steps = size, steps
        self.files = TemporaryDirectory()

    def go(self) -> None:
        """Do everything, in the tutorial's order."""
        self.open_pair()
        first = self.paint_and_steer()
        self.rewind(first)
        self.repeat(first)
        self.lose_the_layer()
        self.line_up()
        self.sweep()
        self.compare()
        self.carry_on(first)
        self.keep(first)
        self.close_while_running()

    def open_pair(self) -> None:
        """Open the ready pair from the empty dock."""
        self.screen.wait(lambda: "Looking" not in self.dock.badge.text(), "the device")
        self.screen.shoot("start")
        self.dock.welcome.button.click()
        self.screen.shoot("pair")
        self.set(size=self.size, steps=self.steps, precision="float32")
        self.dock.weights_panel.hide()

    def paint_and_steer(self) -> ViewerRun:
        """Run, steer, pause, pin, go on, and stop."""
        dock = self.dock
        dock.panel.plot.expand(animate=False)
        dock.panel.run.click()
        run = self.newest()
        self.until_step(run, self.steps // 4)
        self.dock.weights_panel.hide()
        self.screen.shoot("running")
        dock.panel.steer.setChecked(True)
        dock.form.basic["style_strength"].value = 4.0
        self.screen.wait(
            lambda: "Style strength 4" in dock.panel.steered.text() or run.state.over,
            "the dock says what was steered",
        )
        self.until_step(run, self.steps // 2)
        self.screen.shoot("steered")
        dock.panel.pause.click()
        self.open_only("History")
        self.screen.wait(
            lambda: run.shown is not None and run.shown.points[-1] == run.points[-1],
            "the picture of the step at which it paused",
        )
        dock.snapshots_form.pin.click()
        check(run.state is RunState.PAUSED and len(run.snapshot_layers) == 1, "paused, and pinned")
        self.screen.shoot("paused")
        dock.panel.pause.click()
        self.until_step(run, self.steps * 3 // 4)
        dock.panel.stop.click()
        self.finish(run)
        check(run.state is RunState.STOPPED, "a stopped run says so")
        self.screen.shoot("stopped")
        return run

    def rewind(self, run: ViewerRun) -> None:
        """Scrub through the run, pin a moment and the best one."""
        history = self.dock.snapshots_form
        history.show_stack.click()
        stack = run.snapshot_layers[-1].layer
        self.show_only([stack])
        self.viewer.dims.set_current_step(0, len(stack.data) // 2)
        check("loss" in self.viewer.canvas.overlays.text.text, "the overlay says step and loss")
        self.screen.shoot("history")
        history.pin.click()
        history.best.click()
        check(len(run.snapshot_layers) == 4, "two pinned moments, a stack and the best one")
        for moment in run.snapshot_layers:
            moment.layer.visible = False

    def repeat(self, run: ViewerRun) -> None:
        """Replay the run bit for bit, and take more steps from it."""
        replay = self.start_from_menu(run, "Replay")
        self.finish(replay)
        assert run.result is not None
        assert replay.result is not None
        check(np.array_equal(run.result.image, replay.result.image), "a replay is the same")
        self.screen.answer(lambda dialog: accept_steps(dialog, 4))
        more = self.start_from_menu(run, "More steps…")
        self.finish(more)
        check(more.points[0].loss < run.points[0].loss, "more steps go on from the result")

    def line_up(self) -> None:
        """Queue runs, reorder them, cancel one, then all."""
        self.open_only("Runs")
        self.set(size=self.size, steps=400)
        for strength in (1.0, 2.0, 4.0, 8.0):
            self.set(style_strength=strength)
            self.dock.panel.run.click()
        one, two, three, four = self.dock.session.runs[-4:]
        self.until_step(one, 24)
        self.choose(four, "Start earlier")
        self.choose(three, "Cancel")
        waiting = [ticket.job for ticket in self.dock.session.queue.waiting]
        check(waiting == [two, four] or waiting == [four, two], "one is gone")
        self.dock.runs_list.select(four)
        self.screen.shoot("queue")
        self.dock.runs_list.cancel_all.click()
        self.finish(one)
        check(not self.dock.session.queue.waiting, "nothing waits")

    def sweep(self) -> None:
        """Paint two contents like three styles, and see the grid."""
        for name in ("content-cat", "style-stained-glass", "style-mosaic"):
            self.viewer.open_sample("napari-nst", name)
        self.set(size=self.size // 2, steps=self.steps // 2, style_strength=2.0)
        self.open_only("Sweep")
        panel = self.dock.sweep_panel
        panel.kind.setCurrentText("Pictures")
        table = panel.pictures.table
        for name, column in (("cat", 1), ("stained glass", 2), ("mosaic", 2)):
            (item,) = table.findItems(name, Qt.MatchFlag.MatchExactly)
            panel.pictures.tick(item.row(), column)
        self.screen.shoot("sweep")
        panel.pictures.queue.click()
        runs = self.dock.session.runs[-6:]
        self.finish(runs[-1])
        panel.grid.click()
        self.screen.shoot("grid")
        grid = self.viewer.canvas.grid
        for run in runs:
            assert run.plan.place is not None
            assert run.live.layer is not None
            at = grid.position(self.viewer.layers.index(run.live.layer), self.viewer.layers)
            check(at == (run.plan.place.row, run.plan.place.column), "rows and columns")
        self.dock.compare_panel.compare.click()

    def compare(self) -> None:
        """Compare two results with the content, blink by the key, and leave."""
        camera = self.viewer.scene.camera
        look = [(layer, layer.visible) for layer in self.viewer.layers], camera.zoom
        self.open_only("Compare")
        stopped = [run for run in self.dock.session.runs if len(run.points) > 3][:2]
        content = self.dock.form.pickers.content.value
        layers: list[Layer] = [content, *(run.live.layer for run in stopped if run.live.layer)]
        self.viewer.layers.selection = set(layers)
        self.dock.compare_panel.compare.click()
        self.screen.shoot("compare")
        modifiers = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier
        self.screen.window.activateWindow()
        self.dock.form.basic["size"].native.setFocus()
        QTest.qWait(300)
        QTest.keyClick(self.dock.form.basic["size"].native, Qt.Key.Key_B, modifiers)
        check(self.dock.compare_panel.comparison.shown is not None, "a key blinks")
        self.dock.compare_panel.compare.click()
        QTest.qWait(300)
        left = [(layer, layer.visible) for layer in self.viewer.layers], camera.zoom
        check(look == left, "all is back")

    def carry_on(self, run: ViewerRun) -> None:
        """Continue from a result with other settings."""
        self.choose(run, "Continue from this")
        check(self.dock.form.pickers.start.value == run.live.layer, "it starts from the result")
        self.set(steps=4)
        self.dock.panel.run.click()
        self.finish(self.newest())

    def keep(self, run: ViewerRun) -> None:
        """Export the run, save its layer, open the file again and take its settings."""
        folder = Path(self.files.name)
        self.screen.answer(lambda dialog: accept_folder(dialog, folder))
        self.choose(run, "Export…")
        self.screen.wait(lambda: any(folder.glob("*/run.gif")), "the exported run")
        (exported,) = folder.glob("*/")
        for name in ("result.png", "record.json", "loss.csv", "run.gif", "snapshots"):
            check((exported / name).exists(), f"{name} is exported")
        assert run.live.layer is not None
        for ending in ("png", "tif", "jpg"):
            path = folder / f"kept.{ending}"
            self.viewer.layers.selection = {run.live.layer}
            self.viewer.layers.save(str(path), selected=True, plugin="napari-nst")
            check(record_of(path) == run.record, f"{ending} keeps the settings")
        self.viewer.window._qt_viewer._qt_open([str(folder / "kept.png")], stack=False)
        (opened,) = [layer for layer in self.viewer.layers if layer.name == "kept"]
        again = self.dock.session.run_of(opened)
        assert again is not None
        self.dock.form.apply(StyleConfig())
        self.choose(again, "Reuse these settings")
        check(self.dock.form.config() == run.config, "settings come back from a file")
        self.show_only([opened])
        self.open_only("Runs")
        self.screen.shoot("kept")

    def lose_the_layer(self) -> None:
        """Remove the live layer while the run is on."""
        self.set(size=self.size // 2, steps=5000)
        self.dock.panel.run.click()
        run = self.newest()
        self.until_step(run, 2)
        assert run.live.layer is not None
        self.viewer.layers.remove(run.live.layer)
        self.finish(run)
        check(run.state is RunState.STOPPED, "a run ends with its layer")

    def close_while_running(self) -> None:
        """Close the window over a run and unsaved results."""
        self.set(size=self.size // 2, steps=5000)
        self.dock.form.pickers.start.value = "content"
        self.dock.panel.run.click()
        run = self.newest()
        self.until_step(run, 2)
        self.screen.answer(self.discard)
        self.screen.window.close()
        self.screen.wait(lambda: run._worker is None, "the run ends with the window")

    def discard(self, dialog: QWidget) -> None:
        """Photograph the question about unsaved results, and discard them."""
        self.screen.shoot("closing")
        assert isinstance(dialog, QMessageBox)
        button = dialog.button(QMessageBox.StandardButton.Discard)
        assert button is not None
        button.click()

    def set(self, **settings: object) -> None:
        """Edit settings in the form, as by hand."""
        form = self.dock.form
        for name, value in settings.items():
            (form.basic | form.advanced)[name].value = value

    def newest(self) -> ViewerRun:
        """Give the run that was added last."""
        return self.dock.session.runs[-1]

    def until_step(self, run: ViewerRun, step: int) -> None:
        """Wait until a run has taken a step, and a picture of it can be seen."""
        self.screen.wait(
            lambda: (
                run.state.over
                or (
                    bool(run.points)
                    and run.points[-1].iteration >= step
                    and run.live.layer is not None
                )
            ),
            f"step {step} of {run.name}",
        )
        check(not run.state.over, f"{run.name} runs: {run.text}")

    def finish(self, run: ViewerRun) -> None:
        """Wait for the end of a run."""
        self.screen.wait(lambda: run.state.over and run._worker is None, f"the end of {run.name}")
        check(run.state is not RunState.FAILED, run.text)

    def choose(self, run: ViewerRun, title: str) -> None:
        """Choose an entry of a run's menu."""
        self.dock.runs_list.select(run)
        menu = self.dock.runs_list.menu()
        (entry,) = [entry for entry in menu.actions() if entry.text() == title]
        check(entry.isEnabled(), f"{title} is offered")
        entry.trigger()

    def start_from_menu(self, run: ViewerRun, title: str) -> ViewerRun:
        """Choose an entry that starts a run, and give that."""
        self.choose(run, title)
        return self.newest()

    def open_only(self, title: str) -> None:
        """Unfold one section of the dock, and fold the others."""
        for section in self.dock.sections.folds():
            if section.text() == title:
                section.expand(animate=False)
                self.dock.sections.ensureWidgetVisible(section)
            else:
                section.collapse(animate=False)

    def show_only(self, layers: list[Image]) -> None:
        """Hide all other layers, and fit the view."""
        for layer in self.viewer.layers:
            layer.visible = layer in layers
        self.viewer.canvas.grid.enabled = False
        self.viewer.reset_view()
        low, high = layers[0].extent.world[:, -2:]
        self.viewer.scene.camera.center = (0.0, *(low + high) / 2)
        self.viewer.scene.camera.zoom = 0.95 * min(self.viewer.canvas.size / (high - low))


def accept_steps(dialog: QWidget, steps: int) -> None:
    """Answer how many steps to add."""
    assert isinstance(dialog, QInputDialog)
    dialog.setIntValue(steps)
    dialog.accept()


def accept_folder(dialog: QWidget, folder: Path) -> None:
    """Answer which folder to write into."""
    assert isinstance(dialog, QFileDialog)
    line = dialog.findChild(QLineEdit, "fileNameEdit")
    assert line is not None
    line.setText(str(folder))
    buttons = dialog.findChild(QDialogButtonBox)
    assert buttons is not None
    buttons.button(QDialogButtonBox.StandardButton.Open).click()


def check(true: bool, what: str) -> None:
    """Stop if something is not as it should be."""
    if not true:
        raise SystemExit(f"not so: {what}")
    print(f"ok: {what}", flush=True)


def main() -> None:
    """Read the options and let the painter go."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = Path(__file__).parent / "images"
    parser.add_argument("folder", type=Path, nargs="?", default=default)
    parser.add_argument("--window", default="1280x800", help="width x height in pixels")
    parser.add_argument("--theme", default="dark", choices=("dark", "light"))
    parser.add_argument("--size", type=int, default=256, help="longest side of the first run")
    parser.add_argument("--steps", type=int, default=60, help="of the first run")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    width, height = map(int, options.window.split("x"))
    if (last := last_file()) is not None:
        last.unlink(missing_ok=True)  # begin as a newcomer
    Painter(
        Screen(options.folder, (width, height), options.theme), options.size, options.steps
    ).go()


if __name__ == "__main__":
    main()
