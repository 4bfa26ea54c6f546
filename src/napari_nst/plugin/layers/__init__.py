"""Pictures in napari's layers: what is seen, where it lies, what covers what."""
