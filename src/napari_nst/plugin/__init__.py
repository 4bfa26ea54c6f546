"""The napari plugin: the only package here that imports napari and Qt."""
