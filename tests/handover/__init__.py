"""Two processes of one service."""
