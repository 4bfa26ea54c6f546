"""The dock itself: it puts the rooms together and meets napari's window."""
