"""Pictures in windows: how they are parted, and where what is whole of them lies."""
