"""
A voice and an ear of our own, and relays.

Media go from phone to phone where they can.  A voice (C{endpoint}) is for music,
words, mailboxes and conferences; a relay (C{relay}, or C{rtpengine}) stands
between two phones that cannot reach or understand each other, or are recorded.
All of it is pure: packets and time are handed in.
"""
