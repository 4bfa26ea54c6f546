"""Settings of a run, and the record that reproduces it. Standard library and numpy only."""
