"""
The page: what the questions of C{b2bua.admin} answer, as HTML that is written here.

One file a view.  Text becomes HTML by twisted.web.template only, which escapes
it, so that nothing that a phone or a caller says of itself is ever taken for
markup.
"""
