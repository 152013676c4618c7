"""What befell an instance as a whole: interrupted, or as full as it can be."""
