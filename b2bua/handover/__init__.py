"""Two processes of one service: the old one gives what it has to the new one, and neither loses a word."""
