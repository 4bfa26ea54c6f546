"""Runs over folders: every content in every style, as files and a contact sheet. No Qt here."""
