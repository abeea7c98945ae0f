"""The media of a call that pass through a relay: which do, why, and what waits until it has answered."""
