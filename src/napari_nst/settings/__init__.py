"""What is asked of a run, and what reproduces it. Standard library only."""
