"""What the names of archives end with, after the label. Pure.

Source: daemontools 0.76 multilog.c finish(); multilog of daemontools-encore, for `w`.
"""

FINISHED, TORN = b".s", b".u"
INCOMPLETE = (TORN, b".new", b".tmp")  # nobody takes a file of such a name for a whole archive
MAX_CODE_BYTES = 200  # with the label, and what compression adds, it is still a name


def wrong_code(code: bytes) -> str:
    """Say what is wrong with what follows `w`; nothing if all is well."""
    if not code or b"/" in code or len(code) > MAX_CODE_BYTES:
        return f"w wants an ending for names: no slash, at most {MAX_CODE_BYTES} bytes"
    if (b"." + code).endswith(INCOMPLETE):
        return "w takes no u, new or tmp: they mark files that are not complete"
    return ""
