"""The engine: torch and numpy only; no napari, Qt, magicgui or dask."""
