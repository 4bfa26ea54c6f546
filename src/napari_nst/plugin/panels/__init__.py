"""What the dock shows of runs: buttons, list, curve, estimate, comparison."""
