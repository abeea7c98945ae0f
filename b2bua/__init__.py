"""A SIP back-to-back user agent whose call features are plugins."""
