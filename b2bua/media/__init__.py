"""
A voice and an ear of our own: what is played to a party that nobody talks to, and what is heard from it.

Media go from phone to phone and never through here; this is for music, words
and recordings only.  All of it is pure: packets and time are handed in.
"""
