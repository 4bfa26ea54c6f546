"""Styles to choose by looking: the samples, files used before, favourites, and any file.

`shelf`, `thumbnails` and `open_styles` are without Qt; `chooser` ties them to the dock.
"""
