"""Pictures in napari's layers: what is seen, where it is, what covers what."""
