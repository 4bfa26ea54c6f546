"""Runs in the viewer: the session, their threads, their layers."""
