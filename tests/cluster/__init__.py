"""Several processes that share a store."""
