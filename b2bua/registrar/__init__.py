"""
Who is where and who may what: registrar, authentication and trunks.

Nothing here opens a socket or reads a clock of its own.
"""
