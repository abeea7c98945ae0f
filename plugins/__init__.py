"""The features that come with the server: one feature, one file."""
