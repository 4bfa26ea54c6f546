"""The loss as additive statistics and one small scalar."""
