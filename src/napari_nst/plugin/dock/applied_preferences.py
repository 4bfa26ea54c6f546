"""napari's preferences of ours, and the settings last used, applied to the parts of the dock."""

from collections.abc import Callable
from pathlib import Path

from qtpy.QtCore import QObject

from napari_nst.errors import NstError
from napari_nst.plugin.common.preferences import (
    LastUsed,
    Preferences,
    prefer,
    use_weights_folder,
    watch,
)
from napari_nst.plugin.form.folders_form import FoldersForm
from napari_nst.plugin.form.settings_form import SettingsForm
from napari_nst.plugin.form.weights_panel import WeightsPanel
from napari_nst.plugin.panels.snapshots_form import SnapshotsForm
from napari_nst.plugin.runs.session import Session
from napari_nst.plugin.runs.viewer_run import ViewerRun


class AppliedPreferences(QObject):
    """Fills the form once, and follows the preferences until `unwatch` is called.

    Parameters
    ----------
    parent
        Owns this.
    form
        Starts with the settings last used, or with the preferred preset; they are remembered at
        each run.
    session
        Gets device, preview interval, checkpoints and snapshots for runs to come.
    weights_panel
        Asks before downloads, and suggests them, or not.
    folders, snapshots_form
        Show what is preferred.

    Attributes
    ----------
    current
        The preferences of now.
    unwatch
        Follows the preferences no more; may be called when the parent is gone.
    """

    def __init__(
        self,
        parent: QObject,
        *,
        form: SettingsForm,
        session: Session,
        weights_panel: WeightsPanel,
        folders: FoldersForm,
        snapshots_form: SnapshotsForm,
    ) -> None:
        super().__init__(parent)
        self._form = form
        self._session = session
        self._weights_panel = weights_panel
        self._folders = folders
        self._snapshots_form = snapshots_form
        self._apply()
        self._fill_form()
        self.unwatch: Callable[[], None] = watch(self._apply)
        session.added.connect(self._remember)
        weights_panel.declined.connect(lambda: prefer(suggest_download=False))

    def autosave_folder(self) -> Path | None:
        """Return where results are saved unasked; None saves nothing."""
        return self.current.autosave_folder

    def asks_at_closing(self) -> bool:
        """Return whether to ask before the window closes over unsaved results."""
        return self.current.warn_unsaved

    def _apply(self) -> None:
        self.current = Preferences.read()
        use_weights_folder(self.current.weights_folder)
        self._weights_panel.asks = self.current.ask_before_download
        self._weights_panel.suggests = self.current.suggest_download
        self._folders.refresh(self.current)
        self._session.snapshot_bytes = self.current.history_budget_mb * 2**20
        self._session.snapshot_every = self.current.history_every or None
        self._session.device = self.current.device
        self._session.interval_s = self.current.preview_interval_s
        self._session.checkpoint_every_s = self.current.checkpoint_every_s
        self._snapshots_form.refresh()

    def _fill_form(self) -> None:
        last = LastUsed.read() if self.current.restore_last else None
        if last is None:
            self._form.apply(self.current.config(), preset=self.current.own_preset)
            return
        self._form.apply(last.config, preset=last.preset)
        self._form.set_weights(last.weights)

    def _remember(self, run: ViewerRun) -> None:
        """Keep what the form says, if the run came from it."""
        if run.plan.request is None:
            return
        try:
            config, preset = self._form.loan.settled()
            LastUsed(config, self._form.weights_choice(), preset).write()
        except NstError:
            return  # the run came from elsewhere: the form is being filled
