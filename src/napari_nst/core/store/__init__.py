"""Where the arrays of a run lie - picture, gradient, optimiser - and how they are worked on."""
