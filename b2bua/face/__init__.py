"""
What a plugin is handed: its tables of the configuration, what users have changed, its rows, the service.

Each plugin has its own of these; nothing here knows how plugins are found or asked.
"""
