"""One module per command: argv in, exit code out. Imports nothing."""

NAMES = frozenset(
    (
        "envdir",
        "envini",
        "multilog",
        "setuidgid",
        "setuser",
        "supervise",
        "svc",
        "svok",
        "svscan",
        "svstat",
        "svup",
        "tai64n",
        "tai64nlocal",
    )
)
# Only as `pysvscan NAME`: what daemontools has not, and no run file calls.
TOOLS = frozenset(("logrun",))
