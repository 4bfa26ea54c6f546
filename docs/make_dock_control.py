"""Two styles, a crop and regions in a real napari, by script, photographed for docs/control.md.

    scripts/with-display.sh .venv/bin/python docs/make_dock_control.py [FOLDER]

writes tutorial-regions.png and tutorial-repainted.png, by default into docs/images, and stops at
the first thing that is not as the page says.
"""

import argparse
from pathlib import Path

import numpy as np
from qtpy.QtTest import QTest
from screen import Screen

from napari_nst import samples

SIZE_PX, STEPS = 128, 400
_OPENED_MS, _NOTICED_MS = 1500, 700
"""Until the window has its size; after the last stroke the dock waits for a moment, too."""


class Painter:
    """A scripted user with a brush.

    Parameters
    ----------
    screen
        The window.
    """

    def __init__(self, screen: Screen) -> None:
        self.screen, self.viewer, self.form = screen, screen.viewer, screen.dock.form

    def go(self) -> None:
        """Open three pictures and use every control once."""
        self.viewer.add_image(samples.photograph("coffee"), name="coffee")
        for name in ("brush strokes", "mosaic"):
            self.viewer.add_image(samples.style(name), name=name, visible=name != "mosaic")
        QTest.qWait(_OPENED_MS)
        self.add_style("mosaic")
        self.form.style_list.rows[1].share.setValue(100)
        self.crop()
        self.paint_regions()
        self.repaint()

    def add_style(self, name: str) -> None:
        """Choose a layer from the menu of "+ Style"."""
        entries = self.form.control_buttons.menu().actions()
        (entry,) = [each for each in entries if each.text() == name]
        entry.trigger()
        check(len(self.form.style_list.rows) == 2, "two styles are listed")

    def crop(self) -> None:
        """Draw a rectangle on the first style."""
        self.form.control_buttons.crop.click()
        style = self.form.pickers.style.value
        (top, left), (bottom, right) = np.multiply([(0.1, 0.1), (0.6, 0.5)], style.data.shape[:2])
        corners = [(top, left), (top, right), (bottom, right), (bottom, left)]
        self.viewer.layers[f"Crop: {style.name}"].add_rectangles(np.array(corners))
        QTest.qWait(_NOTICED_MS)
        check(self.form.crops.box(style) is not None, "the rectangle is the style")

    def paint_regions(self) -> None:
        """Paint two regions."""
        self.form.control_buttons.regions.click()
        self.stroke(1, 0.3, (0.1, 0.9))
        self.stroke(2, 0.8, (0.2, 0.6))
        QTest.qWait(_NOTICED_MS)
        check(list(self.form.regions.rows) == [1, 2], "each region has a row")
        self.screen.shoot("regions")

    def repaint(self) -> None:
        """Run, and paint a third region meanwhile."""
        self.form.basic["size"].value, self.form.basic["steps"].value = SIZE_PX, STEPS
        self.screen.dock.panel.run.click()
        run = self.screen.dock.session.runs[-1]
        self.screen.wait(lambda: len(run.points) > 10, "the first steps")
        self.stroke(3, 0.55, (0.7, 0.95))
        self.screen.wait(lambda: run.regions is not None and 3 in run.regions.styles, "region 3")
        taken = len(run.points)
        self.screen.wait(lambda: len(run.points) > taken + 20, "more steps")
        self.screen.shoot("repainted")
        run.stop()
        self.screen.wait(lambda: run.state.over and run._worker is None, "the end")
        fields = [event.field for event in run.record.events]
        check(fields == ["regions"], "the record has the change")
        self.viewer.close()

    def stroke(self, label: int, row: float, columns: tuple[float, float]) -> None:
        """Paint from left to right; places are shares of height and width."""
        layer = self.form.regions.layer
        height, width = layer.data.shape
        layer.brush_size, layer.selected_label = min(height, width) // 4, label
        for column in np.linspace(*columns, 30):
            layer.paint((row * height, column * width), label)


def check(true: bool, what: str) -> None:
    """Stop if something is not as it should be."""
    if not true:
        raise SystemExit(f"not so: {what}")


def main() -> None:
    """Read the options and go."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = Path(__file__).parent / "images"
    parser.add_argument("folder", type=Path, nargs="?", default=default)
    Painter(Screen(parser.parse_args().folder, (1280, 800), "dark")).go()


if __name__ == "__main__":
    main()
