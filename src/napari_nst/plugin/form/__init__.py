"""The controls: from what the user sets to settings, and back."""
