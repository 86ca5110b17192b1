"""Statistics: pure functions over frames and arrays. No input or output, no clock."""
