"""
How the tables came to be what they are, one step a file.

They are run when the service starts.  To add a step, change C{tables.py}, write
the next file in C{versions} by hand after the last one, and let the tests say
whether the two agree.
"""
