"""What the house needs to keep its own order; not installed."""
