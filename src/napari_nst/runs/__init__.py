"""The life of runs, for dock and shell alike. No Qt; torch only inside functions."""
