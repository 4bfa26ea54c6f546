"""Where the dock meets napari's window: docked, closed and found again; files saved by hand."""
