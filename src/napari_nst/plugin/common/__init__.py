"""What every room of the dock uses: style, sections, keys, preferences."""
