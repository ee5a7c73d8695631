"""One module per command: argv in, exit code out. Imports nothing."""

NAMES = frozenset(
    (
        "envdir",
        "multilog",
        "setuidgid",
        "supervise",
        "svc",
        "svok",
        "svscan",
        "svstat",
        "tai64n",
        "tai64nlocal",
    )
)
