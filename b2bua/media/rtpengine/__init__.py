"""
A relay outside of our process: rtpengine, which passes on, encrypts, transcodes and records media.

C{exchanges} speaks its control protocol, C{wishes} says what a session has to
become, C{engine} watches one of them, C{relay} has the media of one call there,
C{engines} is all of them, and C{capture} makes a recording of what it wrote.
"""
