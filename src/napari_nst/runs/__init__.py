"""The life of runs, for dock and command line alike. No Qt; torch only inside functions."""
