"""Job logs over WebDAV: where they may lie, their beginning and end, and the lines that tell."""
