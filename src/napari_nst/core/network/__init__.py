"""VGG-19, forward and backward. Knows no loss."""
