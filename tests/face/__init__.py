"""What a plugin is handed."""
