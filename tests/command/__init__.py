"""The command b2bua."""
