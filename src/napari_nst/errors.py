"""The errors users meet: each says what was expected, what came and what to do.

Every error is rooted at ``Exception`` and never at ``RuntimeError``: napari's threads
swallow a ``RuntimeError`` raised inside a generator (see ``plugin.worker``).
"""


class NstError(Exception):
    """Base of every error that this package raises on purpose."""


class ConfigError(NstError, ValueError):
    """A setting is unknown, out of range or does not fit the others."""


class ImageError(NstError, ValueError):
    """A picture has a shape, dtype or range that cannot be stylised."""


class DeviceError(NstError):
    """The device or precision asked for is not to be had on this machine."""


class DeviceMemoryError(NstError):
    """A run does not fit into the device's memory."""


class WeightsError(NstError):
    """VGG-19 weights are missing, of another network, or damaged."""


class DownloadError(WeightsError):
    """Fetching weights failed; nothing bad was left on disk."""


class DownloadCancelled(DownloadError):
    """The user cancelled the download; what came is kept for a resume."""
