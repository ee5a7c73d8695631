"""One module per command: argv in, exit code out. Imports nothing."""

NAMES = frozenset(
    (
        "envdir",
        "envini",
        "envuidgid",
        "fghack",
        "multilog",
        "pgrphack",
        "readproctitle",
        "setlock",
        "setuidgid",
        "setuser",
        "softlimit",
        "supervise",
        "svc",
        "svinstance",
        "svlog",
        "svok",
        "svscan",
        "svscanboot",
        "svscanctl",
        "svstat",
        "svup",
        "tai64n",
        "tai64nlocal",
    )
)
# Only as `pysvscan NAME`: what daemontools has not, and no run file calls.
TOOLS = frozenset(("logrun",))

# What runs a program after it; the others end a chain.
CHAINING = frozenset(
    (
        "envdir",
        "envini",
        "envuidgid",
        "fghack",
        "pgrphack",
        "setlock",
        "setuidgid",
        "setuser",
        "softlimit",
    )
)

# What ends a chain, and hands its limits on to those that it starts.
STARTING = frozenset(("supervise", "svscan", "svscanboot"))
