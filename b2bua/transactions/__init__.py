"""The transactions of RFC 3261 section 17: pure machines and the rules that match messages to them."""
