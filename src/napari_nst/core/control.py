"""RunControl: stop, pause and steer a run from another thread.

A generator cannot be closed from another thread while it runs, so the run polls this
object at every step and before every evaluation of the gradient.
"""

import threading
import time
from typing import Any

from napari_nst.errors import ConfigError
from napari_nst.settings.config import STEERABLE, StyleConfig
from napari_nst.settings.fields import Colors, check_late_colors
from napari_nst.settings.record import checked_regions
from napari_nst.settings.regions import REGIONS, Regions, blend_shares, check_each_style


class Stopped(Exception):
    """A stop was asked for in the middle of a step."""


class RunControl:
    """Thread-safe flags between whoever started a run and the run itself."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._running = threading.Event()
        self._running.set()
        self._changes: dict[str, Any] = {}
        self._repainted: list[Regions | None] = []  # the last one, if any
        self._config = StyleConfig()
        self._style_count: int | None = None
        self._begun_colors: Colors | None = None
        self._paused_s = 0.0

    @property
    def stopped(self) -> bool:
        """Whether a stop was asked for."""
        return self._stopped.is_set()

    @property
    def paused(self) -> bool:
        """Whether the run is to wait."""
        return not self._running.is_set()

    @property
    def paused_s(self) -> float:
        """How long the run has waited in pauses that are over."""
        return self._paused_s

    def stop(self) -> None:
        """End the run at its next poll; a paused run ends too. Final."""
        self._stopped.set()
        self._running.set()

    def raise_if_stopped(self) -> None:
        """Raise Stopped if a stop was asked for."""
        if self.stopped:
            raise Stopped

    def pause(self) -> None:
        """Hold the run before its next step."""
        if not self.stopped:
            self._running.clear()

    def resume(self) -> None:
        """Let a paused run go on."""
        self._running.set()

    def steer(self, **changes: Any) -> None:  # noqa: ANN401 - validated by StyleConfig
        """Change settings from the next step on.

        Raises
        ------
        ConfigError
            If a field cannot be steered or a value is out of its bounds.
        """
        if refused := sorted(set(changes) - set(STEERABLE)):
            raise ConfigError(
                f"{', '.join(refused)} cannot change during a run; {', '.join(STEERABLE)} can. "
                "Stop, change it and run again."
            )
        with self._lock:
            config = self._config.replace(**changes)
            if self._style_count is not None:
                blend_shares(config.blend, self._style_count)
            check_late_colors(config.colors, self._begun_colors or config.colors)
            self._config = config
            self._changes |= {name: getattr(config, name) for name in changes}

    def repaint(self, regions: Regions | None) -> None:
        """Change the regions from the next step on; None is a run without regions.

        Raises
        ------
        ConfigError
            If they are no regions, or not of this run's styles.
        """
        checked_regions(regions)
        with self._lock:
            if regions is not None and self._style_count is not None:
                regions.check(self._style_count)
            self._repainted = [regions]

    def begin(self, config: StyleConfig, style_count: int) -> None:
        """Set the settings and the number of styles of the run, against which changes are checked.

        Raises
        ------
        ConfigError
            If changes that were asked for before do not fit them.
        """
        with self._lock:
            self._begun_colors = self._begun_colors or config.colors  # a resumed run begins twice
            config = config.replace(**self._changes)
            check_late_colors(config.colors, self._begun_colors)
            check_each_style(config, style_count)
            for regions in self._repainted:
                if regions is not None:
                    regions.check(style_count)
            self._config, self._style_count = config, style_count

    def take_changes(self) -> dict[str, Any]:
        """Return the changes asked for since the last call, once, with "regions" among them."""
        with self._lock:
            changes, self._changes = self._changes, {}
            if self._repainted:
                changes[REGIONS] = self._repainted.pop()
        return changes

    def wait_while_paused(self) -> bool:
        """Block while paused; returns whether the run is to stop."""
        began = time.perf_counter()
        self._running.wait()
        self._paused_s += time.perf_counter() - began
        return self.stopped

    def hold(self) -> None:
        """Block while paused, in the middle of a step; raises Stopped if a stop was asked for."""
        self.wait_while_paused()
        self.raise_if_stopped()
