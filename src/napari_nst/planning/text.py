"""Estimates as text, without importing torch."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from napari_nst.settings.config import StyleConfig

if TYPE_CHECKING:
    from napari_nst.planning.estimate import Estimate


def estimate_text(expected: "Estimate") -> str:
    """Return time and memory: "about 2 min, 1.4 GB"."""
    text = f"about {duration_words(expected.seconds)}, {memory_words(expected.peak_bytes)}"
    return f"{text}{windows_words(expected)}"


def windows_words(expected: "Estimate") -> str:
    """Return how a picture is worked on: " in windows of 1024 px, 9.1 GB of scratch files"."""
    if expected.tile_px is None:
        return ""
    files = expected.disk_bytes
    text = f" in windows of {expected.tile_px} px"
    return f"{text}, {memory_words(files)} of scratch files" if files else text


def style_pixels_words(expected: "Estimate") -> str:
    """Return how much finer the styles become: "2 style pixels per pixel", "2 and 0.5 style …"."""
    shown = [f"{each:.2g}" if each < 99.5 else f"{each:.0f}" for each in expected.style_pixels]
    both = " and ".join([", ".join(shown[:-1]), *shown[-1:]] if shown[1:] else shown)
    return f"{both} style {'pixel' if shown == ['1'] else 'pixels'} per pixel"


def forecast(
    config: StyleConfig,
    content: Sequence[int],
    styles: Sequence[Sequence[int]],
    device: str,
    *,
    weights: str,
    memory: int | None = None,
) -> tuple[str, bool]:
    """Return a line with a run's estimate, strokes, preset and weights, and whether it fits.

    Imports torch. The parameters are those of `napari_nst.estimate`, and the name of the weights.
    """
    from napari_nst.planning.estimate import estimate, largest_fitting_size

    expected = estimate(config, content, styles, device, memory=memory)
    height, width = expected.size
    text = f"{width}x{height} px, {expected.steps} steps: {estimate_text(expected)}"
    text += f", {memory_words(expected.free_bytes)} may be used"
    if not expected.fits:
        size = largest_fitting_size(config, content, styles, device)
        text += f"; that does not fit, size {size} would" if size else "; that does not fit"
    text += f"; {style_pixels_words(expected)}; preset {config.name}, weights {weights}"
    return text, expected.fits


def duration_words(seconds: float) -> str:
    """Return an estimated duration, rounded: 8 s, 2 min, 1 h 20 min, 2 days."""
    if seconds < 55:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, rest = divmod(round(minutes, -1), 60)
    if hours < 24:
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    return f"{round(hours / 24)} days" if hours >= 36 else "1 day"


def memory_words(count: int) -> str:
    """Return a number of bytes as text: 350 MB, 1.4 GB."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{max(10, round(count / 1e6, -1)):.0f} MB"
