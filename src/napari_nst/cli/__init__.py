"""The command line: `napari-nst`. Knows no Qt; napari is started from within functions only."""
