"""What outlives the process: bindings, settings of users, call records."""
