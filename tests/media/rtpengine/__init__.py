"""A relay by rtpengine."""
