"""The public kit for tests: a simulated world with the real server and honest phones."""
