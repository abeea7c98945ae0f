"""Calls that outlive their process: written down as plain values, kept as they change, taken up again."""
