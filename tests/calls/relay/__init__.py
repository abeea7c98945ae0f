"""The media of a call that pass through a relay."""
