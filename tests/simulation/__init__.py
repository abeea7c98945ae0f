"""Many worlds: tables and random ones."""
