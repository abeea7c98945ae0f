"""A voice and an ear of our own."""
