"""pysvscan: daemontools for today. The version; imports nothing."""

__version__ = "0.1.0"
