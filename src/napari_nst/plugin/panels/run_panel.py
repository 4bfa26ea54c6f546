"""Buttons, state, progress and curve of a run."""

from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget
from superqt import QElidingLabel

from napari_nst.plugin.common.style import NAME_MARGIN_PX, colour_bar, make_bar, primary
from napari_nst.plugin.panels.loss_plot import LossPlot
from napari_nst.plugin.runs.plan import RunPlan
from napari_nst.runs.frame_gate import Frame
from napari_nst.runs.progress import RunState

STATE_COLOURS = {
    RunState.IDLE: "#8a919b",
    RunState.WAITING: "#b48ee0",
    RunState.PREPARING: "#56b4e9",
    RunState.RUNNING: "#56b4e9",
    RunState.PAUSED: "#f0b429",
    RunState.STOPPING: "#f0b429",
    RunState.DONE: "#2fbf71",
    RunState.STOPPED: "#d9935b",
    RunState.FAILED: "#e5604c",
}
_BEAT_MS = 500
"""A dot more: a bar that moves by itself would draw the whole window 30 times a second."""

_DOTS = 3


class RunPanel(QWidget):
    """Shows one run and asks for its start, pause, resume and stop; the dock places `plot`.

    Signals: `run_asked`, `preview_asked`, `full_asked`, `pause_asked`, `resume_asked`,
    `stop_asked`, `save_asked`.
    """

    run_asked = Signal()
    preview_asked = Signal()
    full_asked = Signal()
    pause_asked = Signal()
    resume_asked = Signal()
    stop_asked = Signal()
    save_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.run = QPushButton("Run")
        self.run.setToolTip(
            "<p>Paint the content in the style's manner, in a new layer. During another run it "
            "waits in the queue for its turn.</p>"
        )
        primary(self.run)
        self.preview = QPushButton("Preview")
        self.preview.setToolTip(
            "<p>The same at 256 px and with few steps: shows in seconds where the full run "
            "would lead. Where Size is below 256 px it paints at that size, with fewer steps.</p>"
        )
        self.full = QPushButton("The same, at full size")
        self.full.hide()
        self.pause = QPushButton("Pause")
        self.pause.setToolTip("Hold the run after the step it is at; Resume goes on")
        self.stop = QPushButton("Stop")
        self.stop.setToolTip("End the run and keep the picture as it is")
        self.save = QPushButton("Save…")
        self.save.setToolTip(
            "<p>Save the picture with the settings that made it, as PNG, TIFF or JPEG; during a "
            "run as it is now.</p>"
        )
        self.save.setEnabled(False)
        self.state = QLabel()
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.steer = QCheckBox("Steer this run:")
        self.steer.setToolTip(
            "<p>Off: the settings are those of the next run, and the one that is running keeps "
            "its own. On: what you change from now on in a setting marked ● acts on the running "
            "one from its next step, and is kept in its record. Switching it on changes "
            "nothing by itself. When it is off again, or the run has ended, these settings show "
            "what they showed before, for the next run.</p>"
        )
        self.steer_name = QElidingLabel()
        self.steer_name.setElideMode(Qt.TextElideMode.ElideMiddle)
        self.steer_name.setEllipsesWidth(NAME_MARGIN_PX)
        self.steer_row = _row(self.steer, self.steer_name)
        self.steered = QLabel()
        self.steered.setWordWrap(True)
        self.steered.hide()
        self.bar = make_bar()
        self.plot = LossPlot()
        self._state = RunState.IDLE
        self._startable = False
        self._dots = 0
        self._heart = QTimer(self)
        self._heart.setInterval(_BEAT_MS)
        self._heart.timeout.connect(self._beat)
        self._lay_out()
        self.run.clicked.connect(self.run_asked)
        self.preview.clicked.connect(self.preview_asked)
        self.full.clicked.connect(self.full_asked)
        self.pause.clicked.connect(self._on_pause)
        self.stop.clicked.connect(self.stop_asked)
        self.save.clicked.connect(self.save_asked)
        self.show_state(RunState.IDLE, "")

    def show_state(self, state: RunState, text: str) -> None:
        """Show what a run is doing, by word and colour, and enable what can be asked."""
        if state is not self._state:
            colour_bar(self.bar, STATE_COLOURS[state])
        self._state = state
        self._pulse(on=state is RunState.PREPARING)
        self._name_state()
        self.text.setText(text)
        self.text.setVisible(bool(text))
        self.pause.setText("Resume" if state is RunState.PAUSED else "Pause")
        self.pause.setEnabled(state in (RunState.PREPARING, RunState.RUNNING, RunState.PAUSED))
        self.stop.setEnabled(state.active and state is not RunState.STOPPING)
        self.run.setEnabled(self._startable)
        self.run.setText("Queue" if state.active else "Run")
        self.steer_row.setVisible(state.active)
        if not state.active:
            self.steer.setChecked(False)
        self.steered.setVisible(state.active and bool(self.steered.text()))
        self.bar.setVisible(state is not RunState.IDLE)
        if state in (RunState.PREPARING, RunState.DONE):
            self.bar.setRange(0, 1)
            self.bar.setValue(int(state is RunState.DONE))

    def show_frame(self, frame: Frame) -> None:
        """Move the bar and the curve."""
        self.bar.setRange(0, frame.total)
        self.bar.setValue(frame.points[-1].iteration)
        self.plot.add(frame.points)

    def turn_to_run(self, name: str) -> None:
        """Turn to another run: name what Steer acts on, and switch it off."""
        self.steer.setChecked(False)
        self.name_run(name)
        self.show_steered("")

    def name_run(self, name: str) -> None:
        """Name the run that Steer acts on, as it is named now."""
        self.steer_name.setText(name)
        self.steer_name.setToolTip(name)

    def offer_full(self, plan: RunPlan | None) -> None:
        """Offer the run that a preview shows; None offers nothing."""
        self.full.setVisible(plan is not None)
        if plan is not None and plan.request is not None:
            size, steps = plan.request.config.size, plan.request.config.steps
            at = "the content's own size" if size is None else f"{size} px"
            count = "the preset's" if steps is None else steps
            self.full.setToolTip(
                "<p>Run what this preview shows, with its settings and pictures, at the size and "
                f"steps that the form had when it was asked for: {at}, {count} steps.</p>"
            )

    def show_steered(self, text: str) -> None:
        """Say what the run paints with and since when; empty if there is nothing to say."""
        self.steered.setText(text)
        self.steered.setVisible(bool(text) and self._state.active)

    def set_startable(self, *, startable: bool) -> None:
        """Tell whether a run could start now."""
        self._startable = startable
        self.run.setEnabled(startable)
        self.preview.setEnabled(startable)
        self._name_state()

    def _name_state(self) -> None:
        state = self._state
        idle = state is RunState.IDLE and not self._startable
        word = "Choose a content and a style" if idle else state.value
        self.state.setText(
            f'<span style="color:{STATE_COLOURS[state]}">●</span>&nbsp; '
            f"<b>{word}{'.' * self._dots}</b>"
        )

    def _pulse(self, *, on: bool) -> None:
        if on and not self._heart.isActive():
            self._heart.start()
        elif not on:
            self._heart.stop()
            self._dots = 0

    def _beat(self) -> None:
        self._dots = (self._dots + 1) % (_DOTS + 1)
        self._name_state()

    def _on_pause(self) -> None:
        paused = self._state is RunState.PAUSED
        (self.resume_asked if paused else self.pause_asked).emit()

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        for button in (self.run, self.preview, self.pause, self.stop, self.save):
            button.setMinimumHeight(28)
            buttons.addWidget(button, stretch=1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(buttons)
        for widget in (
            self.full,
            self.state,
            self.text,
            self.bar,
            self.steer_row,
            self.steered,
        ):
            column.addWidget(widget)


def _row(box: QCheckBox, label: QLabel) -> QWidget:
    """Put a box and a name that may be cut off side by side."""
    row = QWidget()
    line = QHBoxLayout(row)
    line.setContentsMargins(0, 0, 0, 0)
    line.addWidget(box)
    line.addWidget(label, stretch=1)
    return row
