"""Fixtures for the whole suite."""

import os
import tempfile
from pathlib import Path

# Before napari is imported: neither read nor write the user's settings.
os.environ.setdefault(
    "NAPARI_CONFIG", str(Path(tempfile.mkdtemp(prefix="napari-nst-")) / "settings.yaml")
)
os.environ["NAPARI_NST_PRESETS"] = tempfile.mkdtemp(prefix="napari-nst-presets-")
