"""What strangers and friends can do to us that they should not."""
