"""Several processes that share a store: each has calls of its own, and a call can be moved between them."""
