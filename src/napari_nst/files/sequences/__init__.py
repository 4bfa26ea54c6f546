"""Sequences of frames on disk: folders, TIFF stacks, animations and videos."""
