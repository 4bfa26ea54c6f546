"""Whole slides and maps: OME-Zarr folders and slide scanners' files, read and written by pieces."""
