"""Formats in which settings were written, and what older ones mean today."""

from typing import Any

from napari_nst.settings.json_reader import check_format
from napari_nst.settings.presets import DEFAULT_OF_2026_11

FORMAT = 2
"""Format number of `StyleConfig.to_dict`: 2 has `scale_grain`, 1 had not; older files have none."""


def of_today(settings: dict[str, Any]) -> dict[str, Any]:
    """Convert settings of any format, without the format's number; raises ConfigError if newer."""
    settings = dict(settings)
    if "format" not in settings:
        return _from_before_formats(settings)
    check_format(number := settings.pop("format"), "these settings", newest=FORMAT)
    return settings if number > 1 else {"scale_grain": 0.0} | settings


def _from_before_formats(settings: dict[str, Any]) -> dict[str, Any]:
    """Convert settings from a file without a format number.

    Files that older versions wrote contain every setting of their time, for example
    lbfgs_history. Other files are a user's own short lists and mean today's presets.
    """
    if "lbfgs_history" not in settings:
        return settings
    settings = {"lbfgs_preconditioner": "none", "scale_grain": 0.0} | settings
    if settings.get("name") == "default":
        settings["name"] = DEFAULT_OF_2026_11
    return settings
