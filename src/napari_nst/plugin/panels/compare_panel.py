"""The dock's section on comparing: side by side, in turn, or one fading over the other."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker, Qt, QTimer
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSlider, QVBoxLayout, QWidget

from napari_nst.errors import ImageError
from napari_nst.plugin.common.keys import key_text
from napari_nst.plugin.layers.captions import full_name
from napari_nst.plugin.layers.compare import (
    MOST,
    Comparison,
    layers_to_blink,
    layers_to_compare,
)
from napari_nst.plugin.layers.grid_fit import fit_grid
from napari_nst.plugin.layers.reveal import Reveal
from napari_nst.runs.naming import shortened
from napari_nst.runs.sweep import columns_of

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_nst.plugin.runs.viewer_run import ViewerRun

BLINK_MS = 700
_WHOLE = 100
_NAME_LETTERS = 60
_HINT = "The selected pictures, or the content and its results, side by side."

_NO_CONTENT = (
    "Nothing to fade to: no content is beneath the result. Its layer is gone, or was moved."
)


class ComparePanel(QWidget):
    """Starts, blinks and ends a comparison of pictures in a viewer, and shows before and after.

    Parameters
    ----------
    viewer
        Whose layers are compared.
    content
        Tells the picture that results are painted from.
    """

    def __init__(self, viewer: "Viewer", content: "Callable[[], Layer | None]") -> None:
        super().__init__()
        self.comparison = Comparison(viewer)
        self.reveal = Reveal(viewer, content)
        self._viewer = viewer
        self._content = content
        self.compare = QPushButton()
        self.compare.setToolTip(
            "<p>Puts pictures into napari's grid with their names on and one camera for all, and "
            "hides the rest; pictures of another size or place are laid over the first "
            f"meanwhile. Once more brings everything back. {key_text('compare')}</p>"
        )
        self.blink = QPushButton()
        self.blink.setToolTip(
            "<p>Shows two pictures in turn in one place until it is stopped: the selected two, "
            f"else the content and the newest result. {key_text('blink')}</p>"
        )
        self.before = QPushButton("Hold to see the content")
        self.before.setToolTip(
            "<p>Shows the content for as long as the button, or the key, is held. "
            f"{key_text('before')}</p>"
        )
        self.fade = QSlider(Qt.Orientation.Horizontal)
        self.fade.setRange(0, _WHOLE)
        self.fade.setValue(_WHOLE)
        self.fade.setAccessibleName("From content to result")
        self.fade.setToolTip(
            "<p>Fades the selected result, else the newest, over its content. At the right end "
            "everything is as it was before.</p>"
        )
        self.text = QLabel()
        self.text.setWordWrap(True)
        # Room for two lines at once: a fold grows too late for a text that changes.
        self.text.setMinimumHeight(2 * self.text.fontMetrics().lineSpacing() + 4)
        self._lacks_content = False
        self._clock = QTimer(self)
        self._clock.setInterval(BLINK_MS)
        self._lay_out()
        self._clock.timeout.connect(self._flip)
        self.compare.clicked.connect(self.toggle)
        self.blink.clicked.connect(self.toggle_blink)
        self.before.pressed.connect(self.hold)
        self.before.released.connect(self.release)
        self.fade.valueChanged.connect(self._on_fade)
        self.comparison.changed.connect(self._show)
        self.reveal.ended.connect(self._on_whole)
        self._show()

    def toggle(self) -> None:
        """Compare, or leave."""
        if self.comparison.active:
            self.comparison.leave()
        else:
            layers, older = layers_to_compare(self._viewer, self._content())
            self.enter(layers)
            if older and self.comparison.active:
                self.text.setText(
                    f"The newest {MOST - 1} results; {older} older ones are left out. "
                    "Select layers to compare others."
                )

    def enter(self, layers: "list[Layer]", *, ordered: bool = False, columns: int = -1) -> None:
        """Compare these layers as `Comparison.enter` does, or say why not."""
        self.reveal.end()
        try:
            self.comparison.enter(layers, ordered=ordered, columns=columns)
        except ImageError as error:
            self.text.setText(str(error))

    def enter_runs(self, runs: "list[ViewerRun]") -> None:
        """Compare runs with their content, or those of one sweep as its grid."""
        places = {run.plan.place: run for run in runs if run.plan.place is not None}
        if len(places) == len(runs) and len({place.sweep for place in places}) == 1:
            ordered = [places[place] for place in sorted(places)]
            layers = [run.live.layer for run in ordered if run.live.layer is not None]
            self.enter(layers, ordered=True, columns=columns_of(places))
            return
        shown = [self._content(), *(run.live.layer for run in runs)]
        self.enter([layer for layer in shown if layer is not None])

    def toggle_blink(self) -> None:
        """Show two pictures in turn, or stop."""
        if self.comparison.shown is not None:
            self.comparison.stop()
            return
        self.reveal.end()
        try:
            self.comparison.blink(layers_to_blink(self._viewer, self._content()))
        except ImageError as error:
            self.text.setText(str(error))

    def hold(self) -> None:
        """Show the content beneath the result until `release`, or say that it is gone."""
        if not self.comparison.active:
            self._fade_to(0)

    def release(self) -> None:
        """Show the result again, as far as the slider says."""
        if self.reveal.active:
            self.reveal.show(self.fade.value() / _WHOLE)

    def leave(self) -> None:
        """End whatever is being compared, and bring everything back; safe to repeat."""
        self.reveal.end()
        self.comparison.leave()

    def refresh(self) -> None:
        """Offer to compare while there are two pictures to compare."""
        content, active = self._content(), self.comparison.active
        layers, _ = layers_to_compare(self._viewer, content)
        self.compare.setEnabled(active or len(layers) > 1)
        blinks = self.comparison.shown is not None
        self.blink.setEnabled(blinks or len(layers_to_blink(self._viewer, content)) > 1)
        fades = self.reveal.active or self.reveal.offered
        for widget in (self.before, self.fade):
            widget.setEnabled(not active and fades)
        lacks = not active and not fades and self.reveal.lacks_content
        if lacks is not self._lacks_content:
            self._lacks_content = lacks
            self._say()

    def _flip(self) -> None:
        self.comparison.flip()
        self._say()

    def _show(self) -> None:
        active, shown = self.comparison.active, self.comparison.shown
        self.compare.setText("Leave" if active else "Compare")
        self.blink.setText("Stop blinking" if shown is not None else "Blink")
        if shown is not None:
            self._clock.start()
        else:
            self._clock.stop()
        if self._tiled:
            fit_grid(self._viewer, lambda: self._tiled)
        self.refresh()
        self._say()

    def _say(self) -> None:
        shown = self.comparison.shown
        name = "" if shown is None else shortened(full_name(shown), _NAME_LETTERS)
        hint = _NO_CONTENT if self._lacks_content else _HINT
        self.text.setText(f"Shown: {name}" if name else hint)

    def _on_fade(self, value: int) -> None:
        self._fade_to(value / _WHOLE)

    def _fade_to(self, share: float) -> None:
        self.reveal.show(share)
        if share < 1 and not self.reveal.active:
            self._on_whole()  # the slider must not claim a fading that did not begin
            self.refresh()
            if self._lacks_content:
                self._viewer.status = _NO_CONTENT  # a key finds this section folded at times

    def _on_whole(self) -> None:
        with QSignalBlocker(self.fade):
            self.fade.setValue(_WHOLE)

    @property
    def _tiled(self) -> bool:
        return self.comparison.active and self.comparison.shown is None

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        for button in (self.compare, self.blink):
            buttons.addWidget(button, stretch=1)
        fading = QHBoxLayout()
        fading.addWidget(QLabel("Content"))
        fading.addWidget(self.fade, stretch=1)
        fading.addWidget(QLabel("Result"))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(buttons)
        column.addWidget(self.before)
        column.addLayout(fading)
        column.addWidget(self.text)
