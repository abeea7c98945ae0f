"""Who is where, and who is who: bindings, authentication, outbound registration."""
