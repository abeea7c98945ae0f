"""The features that we ship, by themselves."""
