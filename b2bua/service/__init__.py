"""The Twisted service: a server on sockets, with what it keeps on a disk, from its start to its end."""
