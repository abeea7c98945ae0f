"""Bytes to values and back: the grammar of SIP, SDP and digest.  No state, no time."""
