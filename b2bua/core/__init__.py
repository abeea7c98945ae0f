"""The transaction user of a whole server: who gets a request, and who is it that sends it."""
