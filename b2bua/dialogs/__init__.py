"""Dialogs and what lives in them: pure machines over time."""
