"""The process of L{b2bua.net.media_worker}: it has no TLS, so it is loaded without."""

from b2bua.net.without_tls import without_tls

with without_tls():
    from b2bua.net.media_worker import main

if __name__ == "__main__":
    main()
