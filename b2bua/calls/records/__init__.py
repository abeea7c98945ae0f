"""What is kept of calls: the record, what a call tells of itself, the messages of late, a call as a value."""
