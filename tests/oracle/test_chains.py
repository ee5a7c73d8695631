"""Chains of commands, as run files have them, beside the same chains of C's commands.

Counted as `chains`, and under the names of the commands of 4c that run a child.
"""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.oracle.runner import Pair, c_program, count, environment, run
from tests.oracle.test_setuidgid import SHOW
from tests.wait import wait_until

pytestmark = pytest.mark.oracle
Oracle = Callable[[str], Pair]

NAMES = "envdir envuidgid fghack pgrphack readproctitle setlock setuidgid softlimit tai64nlocal"
# What each needs before its child; each leaves the child's own state alone.
FIRST = {
    "envdir": "envdir env",
    "envuidgid": "envuidgid root",
    "fghack": "fghack",
    "pgrphack": "pgrphack",
    "setlock": "setlock -n l",
    "setuidgid": "setuidgid root",
    "softlimit": "softlimit -c77",
}
CHILDREN = (
    ("true",),
    ("sh", "-c", "exit 7"),
    ("missing",),
    ("./missing",),
    ("noexec",),
    ("./text",),
    ("./nointerpreter",),
    ("/etc/passwd",),
    ("/tmp",),
    ("",),
    ("echo", "", "a b", "\n", b"\xff\xfe"),
    (b"\xff\xfe",),
    ("cat",),
)


@pytest.fixture
def where(tmp_path: Path) -> Path:
    """Give a directory with an `env` of one variable and files that cannot be run."""
    (tmp_path / "env").mkdir()
    (tmp_path / "env/A").write_text("value\n")
    for name, text, mode in (
        ("noexec", "", 0o644),
        ("text", "x", 0o755),
        ("nointerpreter", "#!/nowhere\n", 0o755),
    ):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(mode)
    return tmp_path


def versions(oracle: Oracle, chain: list[str | bytes]) -> list[list[str | bytes]]:
    """Write a chain out twice: with C's commands and with ours."""
    pairs = {name: oracle(name) for name in NAMES.split() if name in chain}
    return [
        [getattr(pairs[os.fsdecode(word)], side) if word in pairs else word for word in chain]
        for side in ("c", "ours")
    ]


@pytest.mark.parametrize("name", sorted(set(FIRST) - {"envdir", "setuidgid"}))
def test_child_is_run_as_by_c(oracle: Oracle, where: Path, name: str) -> None:
    """Each kind of child: its arguments, input and code, or why it cannot be run."""
    pair, first = oracle(name), FIRST[name].split()[1:]
    env = environment(PATH=f"{where}:/usr/bin")
    for child in CHILDREN:
        pair.compare([*first, *child], cwd=where, env=env, stdin=b"input\n")


@pytest.mark.parametrize(
    "shell",
    [
        "",
        "trap '' PIPE INT HUP XFSZ QUIT TERM USR1 CHLD; umask 077; ulimit -n 77 -s 4096",
        "cd /; exec 3</dev/null 9</etc/passwd 7>/dev/null 4</ 8>&1 6>/dev/full",
    ],
    ids=repr,
)
@pytest.mark.parametrize("name", ["envuidgid", "fghack", "pgrphack", "setlock", "softlimit"])
def test_child_gets_what_c_hands_on(oracle: Oracle, where: Path, name: str, shell: str) -> None:
    """Descriptors, signals, umask, limits, current directory and environment of the child."""
    (where / "show").write_text(SHOW)
    (where / "show").chmod(0o755)
    first = FIRST[name].replace("-n l", f"-n {where}/l").split()[1:]
    results = []
    for program in (oracle(name).c, oracle(name).ours):
        words = ["/bin/sh", "-c", f'{shell or ":"}; exec "$@"', "sh", program, *first]
        env = environment(HOME="/", **{"A.B": "1"})
        result = run([*words, str(where / "show")], cwd=where, env=env)
        hidden = re.sub(rb"(pipe|socket):\[\d+\]|/proc/\d+/fd", b"#", result.out)
        results.append((result.code, sorted(hidden.splitlines()), result.err))
    assert results[1] == results[0]
    assert len(results[0][1]) > 20
    count(name)


WORD = re.compile(r"'[^']*'|\S+")
SHOW_ALL = "ulimit -a; umask; env | sort; cut -d' ' -f5,6 /proc/self/stat | uniq -c | wc -l; ls"


@pytest.mark.parametrize(
    "chain",
    [
        "softlimit -d250000 /bin/true",
        "softlimit -m 3000000 /bin/true",
        "softlimit -o100 softlimit -o=  softlimit -o 50 sh -c SHOW",
        "softlimit -m 9000000 -o50 -f 4096 envdir ./env pgrphack sh -c SHOW",
        "envdir ./env envuidgid nobody softlimit -a 9000000 setlock -n l sh -c SHOW",
        "setlock -n l setlock -n m envuidgid daemon fghack sh -c SHOW",
        "fghack softlimit -c0 -m9000000 setlock -x l sh -c 'exit 3'",
        "fghack fghack sh -c 'kill -9 $$'",
        "pgrphack fghack envdir ./env softlimit -t5 /usr/bin/env",
        "setlock -n l softlimit -m 2000000 ./missing",
        "softlimit -o4 missing",
        "setlock -n l softlimit -z true",
        "softlimit -c0 setlock -z l true",
        "envdir ./env envuidgid nosuch true",
        "envdir ./env setuidgid nosuch true",
        "envuidgid nobody envdir ./nosuch true",
        "setlock l setlock -n l true",
        "setlock l setlock -nx l true",
        "pgrphack pgrphack",
        "fghack softlimit",
        "envdir ./env readproctitle x",
        "envdir ./env setlock -n l readproctitle errors: .....",
        "envuidgid nobody pgrphack tai64nlocal",
        "fghack tai64nlocal",
    ],
)
def test_chain_does_what_c_does(oracle: Oracle, where: Path, chain: str) -> None:
    """The end is the same, and who in the chain complains, and how."""
    words = [SHOW_ALL if it == "SHOW" else it.strip("'") for it in WORD.findall(chain)]
    stdin = b"@400000006b04fbdc2b5f726c x\n"
    by_c, ours = (run(it, cwd=where, stdin=stdin) for it in versions(oracle, [*words]))
    assert ours == by_c
    count("chains")


@pytest.mark.root
@pytest.mark.parametrize(
    "chain",
    [
        "envdir ./env setuidgid nobody softlimit -m 3000000 setlock -n l /usr/bin/env",
        "softlimit -m 9000000 -p 900 setuidgid nobody envuidgid daemon sh -c SHOW",
        "envuidgid daemon setuidgid nobody pgrphack fghack /usr/bin/id",
        "setlock l setuidgid nobody setlock -n m setlock -n l true",
        "setuidgid nobody softlimit -c0 setlock -n /l true",
        "setuidgid nobody setuidgid daemon true",
    ],
)
def test_chain_gives_up_root_as_c(
    oracle: Oracle, where: Path, nobody_path: Path, chain: str
) -> None:
    """What people write into run files, under an account of its own."""
    (where / "env").rename(nobody_path / "env")
    nobody_path.chmod(0o777)
    words = [SHOW_ALL if word == "SHOW" else word for word in chain.split()]
    by_c, ours = (run(it, cwd=nobody_path) for it in versions(oracle, [*words]))
    assert ours == by_c
    count("chains")


def test_chain_mixes_with_c(oracle: Oracle, where: Path) -> None:
    """Ours run C's and C's run ours: limits are then set for C's command, as by C's softlimit."""
    ours, c = oracle("softlimit").ours, c_program("envdir")
    result = run([ours, "-m9000000", c, "env", "/bin/cat", "/proc/self/limits"], cwd=where)
    by_c = run([c_program("softlimit"), "-m9000000", "/bin/cat", "/proc/self/limits"], cwd=where)
    assert result == by_c
    words = [c, "env", oracle("setlock").ours, "-n", "l", c, "env", "/usr/bin/printenv", "A"]
    assert run(words, cwd=where).out == b"value\n"
    count("chains", 2)


@pytest.mark.slow
def test_chain_limits_services(oracle: Oracle, tmp_path: Path) -> None:
    """`softlimit -o77 -c2048 supervise x`: the service has the limits, as from C."""
    given = []
    for side in ("c", "ours"):
        where = tmp_path / side / "x"
        where.mkdir(parents=True)
        (where / "run").write_text("#!/bin/sh\nulimit -a >new; mv new limits; exec sleep 1000\n")
        (where / "run").chmod(0o755)
        words = ["softlimit", "-o77", "-c2048", "supervise", "x"]
        chain = [
            getattr(oracle(it), side) if it in ("softlimit", "supervise") else it for it in words
        ]
        process = subprocess.Popen(chain, cwd=where.parent, env=environment())
        try:
            wait_until((where / "limits").exists)
        finally:
            run([oracle("svc").c, "-dx", "x"], cwd=where.parent)
            assert process.wait(60) == 0
        given.append((where / "limits").read_text())
    assert given[1] == given[0]
    assert re.search(r"nofiles +77\n", given[0])
    count("chains")
