"""Calls explained: drawn, saved, captured, played again, asked for."""
