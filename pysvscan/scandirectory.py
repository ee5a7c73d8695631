"""Where the services are, for a command that was not told."""

import os

USUAL = (b"/service", b"/etc/service")  # Bernstein's, Debian's


def usual() -> bytes:
    """Give the first of the usual scan directories that is there, or else the first."""
    return next((path for path in USUAL if os.path.isdir(path)), USUAL[0])
