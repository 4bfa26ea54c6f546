"""Tools of the repository; none of them is in the wheel."""
