"""What is drawn over pictures: the part of a style that counts, and regions of the content."""
