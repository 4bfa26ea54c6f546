"""Settings of runs that take milliseconds a step."""

from napari_nst import StyleConfig

LAYERS = {"style_layers": ("relu1_1", "relu2_1"), "content_layers": ("relu2_2",)}


def shallow(**changes: object) -> StyleConfig:
    """Give the preset gatys with few layers and steps, and `changes`."""
    settings = {"size": None, "steps": 6, "precision": "float32"} | LAYERS | changes
    return StyleConfig.preset("gatys", **settings)
