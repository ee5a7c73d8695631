"""softlimit beside C's: numbers, letters, order, and what the child's limits are.

Not tested: a getrlimit or setrlimit that fails: soft limits up to the hard one never do.
"""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.oracle import runner
from tests.oracle.runner import Pair, Result, count, environment, run

pytestmark = pytest.mark.oracle
Oracle = Callable[[str], Pair]

LIMITS = ["/bin/cat", "/proc/self/limits"]
HIGH = "9" * 30  # no limit at all on any machine, or the hard one

# Of any length, around the sizes of machine words, wrapped around, and what is no number.
NUMBERS = (
    st.integers(0, 2**70).map(str)
    | st.sampled_from([2**31, 2**32, 2**63, 2**64]).flatmap(
        lambda power: st.integers(power - 2, power + 2).map(str)
    )
    | st.text("0123456789", max_size=30)
    | st.just("=")
    | st.text("0123456789=-+ x.k\n", max_size=4).filter("-".__ne__)  # a deviation
)


@given(core=NUMBERS, resident=NUMBERS)
@example(core="0" * 5000 + "7", resident="9" * 5000)
@example(core="", resident="=")
def test_softlimit_reads_numbers_as_c(
    oracle: Oracle, tmp_path_factory: pytest.TempPathFactory, core: str, resident: str
) -> None:
    """Any text after an option: the same limits, or the same usage."""
    where = tmp_path_factory.getbasetemp()
    oracle("softlimit").forked.compare(["-c", core, "-r", resident, *LIMITS], cwd=where)


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["-"],
        ["--"],
        ["-o"],
        ["-o", "5"],
        ["-o5"],
        ["-o5", "-c"],
        ["-z", "true"],
        ["-zo5", "true"],
        ["-o5z", "true"],
        ["-o5z", "-z", "true"],
        ["-z", "-o5z", "true"],
        ["-o", "-c0", "true"],
        ["-c0c1", "true"],
        ["-c=1", "true"],
        ["-c", "1=", "true"],
        ["-c", "-1", "true"],
        [b"-c\xff", "true"],
        [b"-\xff", "true"],
        ["-H", "true"],
    ],
    ids=repr,
)
def test_softlimit_refuses_as_c(oracle: Oracle, tmp_path: Path, words: list[str | bytes]) -> None:
    """What is wrong is found in the order of the options; usage and exit code."""
    oracle("softlimit").compare(words, cwd=tmp_path)


@pytest.mark.parametrize(
    "words",
    [
        *([f"-{letter}", HIGH] for letter in "acdflmoprst"),
        *([f"-{letter}="] for letter in "acdflmoprst"),
        *([f"-{letter}50000000"] for letter in "acdflmrst"),
        ["-o77", "-p", "888"],
        ["-m30000000"],
        ["-m30000000", "-s", "4000000"],
        ["-s", "4000000", "-m30000000"],
        ["-d40000000", "-a50000000", "-l0"],
        ["-c1", "-c2"],
        ["-c2", "-c1"],
        ["-c1", "--"],
        ["-c1", "--x"],
        ["--"],
    ],
    ids=repr,
)
def test_softlimit_limits_as_c(oracle: Oracle, tmp_path: Path, words: list[str]) -> None:
    """Each letter, and several in order: the child's limits, soft and hard."""
    result = oracle("softlimit").compare([*words, *LIMITS], cwd=tmp_path)
    assert len(result.out.splitlines()) > 15


def test_softlimit_never_exceeds_the_hard_limit(oracle: Oracle, tmp_path: Path) -> None:
    """Under hard limits, numbers above are cut to them without a word; `=` is the hard limit."""
    pair = oracle("softlimit")
    hard = "ulimit -n 100; ulimit -c 2048; ulimit -t 1000; ulimit -s 16384; ulimit -v 5000000"
    for words in (["-o99"], ["-o101", "-c", HIGH], ["-o=", "-c0", "-t=", "-s="], ["-m="], ["-a="]):
        results = [
            run(["/bin/sh", "-c", f'{hard}; "$@"', "sh", prog, *words, *LIMITS], cwd=tmp_path)
            for prog in (pair.c, pair.ours)
        ]
        assert results[1] == results[0]
        assert re.search(rb"open files +(99|100) +100 ", results[0].out)
        count("softlimit")


@pytest.mark.deviation("softlimit-encore")
def test_softlimit_knows_no_limit(oracle: Oracle, tmp_path: Path) -> None:
    """`-` is no limit, hard or soft, where we may lift it; to C it is no number."""
    softlimit = oracle("softlimit")
    show = ["/bin/sh", "-c", "ulimit -Sc; ulimit -Hc"]
    assert run([softlimit.c, "-c-", *show], cwd=tmp_path).code == 100

    def ours(shell: str, *words: str) -> Result:
        script = f'{shell}; exec "$@"'
        return run(["/bin/sh", "-c", script, "sh", softlimit.ours, *words, *show], cwd=tmp_path)

    none = Result(0, b"unlimited\nunlimited\n", b"")
    if ours(":", "-c=") != none:
        pytest.skip("there is a hard limit on core files here")
    assert ours("ulimit -Sc 0", "-c-") == none
    assert ours("ulimit -Sc 0", "-c5", "-c", "-") == none
    message = b"softlimit: fatal: unable to lift the hard limit of -c: permission denied\n"
    may = is_capable(24)  # CAP_SYS_RESOURCE
    assert ours("ulimit -c 2", "-c-") == (none if may else Result(111, b"", message))
    after = Result(0, b"1\nunlimited\n", b"")
    assert ours("ulimit -c 2", "-c-", "-c512") == (after if may else Result(111, b"", message))


def is_capable(number: int) -> bool:
    """Say whether this process, and so its children, has a capability."""
    text = Path("/proc/self/status").read_text()
    return bool(int(text.partition("CapEff:")[2].split()[0], 16) >> number & 1)


@pytest.mark.deviation("softlimit-encore")
def test_softlimit_takes_variables_first(oracle: Oracle, tmp_path: Path) -> None:
    """Each is an option before the first, also where envdir in the chain sets it; C knows none."""
    softlimit = oracle("softlimit")
    values = {
        "SOFTLIMIT_MEMBYTES": "90000000",
        "SOFTLIMIT_ALLBYTES": "100000000",
        "SOFTLIMIT_COREBYTES": "0",
        "SOFTLIMIT_FILEBYTES": "8192",
        "SOFTLIMIT_LOCKEDBYTES": "4096",
        "SOFTLIMIT_OPENFILES": "55",
        "SOFTLIMIT_PROCS": "7777",
        "SOFTLIMIT_RSSBYTES": "80000000",
        "SOFTLIMIT_STACKBYTES": "4000000",
        "SOFTLIMIT_CPUSECS": "99",
        "SOFTLIMIT_DATABYTES": "",  # as if not set
    }
    words = ["-m90000000", "-a100000000", "-c0", "-f8192", "-l4096", "-o66", "-p7777"]
    words += ["-r80000000", "-s4000000", "-t99", *LIMITS]
    expected = run([softlimit.c, *words], cwd=tmp_path)
    (tmp_path / "env").mkdir()
    for name, value in values.items():
        (tmp_path / "env" / name).write_text(value)
    envdir = softlimit.ours.replace("softlimit", "envdir")
    for before, env in (([], environment(**values)), ([envdir, "env"], environment())):
        words = [*before, softlimit.ours, "-o66", *LIMITS]
        assert run(words, cwd=tmp_path, env=env) == expected
    env = environment(SOFTLIMIT_CPUSECS="1 hour")
    line = b"softlimit: usage: SOFTLIMIT_CPUSECS is a number, = or -\n"
    assert run([softlimit.ours, "true"], cwd=tmp_path, env=env) == Result(100, b"", line)
    assert run([softlimit.c, "true"], cwd=tmp_path, env=env) == Result(0, b"", b"")


@pytest.mark.parametrize("size", ["0", "4096", "250000"])
def test_softlimit_kills_as_c(oracle: Oracle, tmp_path: Path, size: str) -> None:
    """A child that does not fit into its limit ends in the same way."""
    for letter in "ads":
        oracle("softlimit").compare([f"-{letter}{size}", "/bin/true"], cwd=tmp_path)


def test_softlimit_finds_no_program_under_any_limit(oracle: Oracle, tmp_path: Path) -> None:
    """The search over a long PATH, and the message, also when memory and descriptors are short."""
    (tmp_path / "noexec").write_text("")
    (tmp_path / "text").write_text("x")
    (tmp_path / "text").chmod(0o755)
    (tmp_path / "script").write_text("#!/nowhere\n")
    (tmp_path / "script").chmod(0o755)
    env = environment(PATH=":".join(["/usr/bin", *(f"/nowhere/{n}" for n in range(300)), ""]))
    for words in (["-m3000000"], ["-a0", "-d0", "-s0", "-o0"]):
        for child in ("missing", "./missing", "noexec", "text", "script", "/etc", ""):
            oracle("softlimit").compare([*words, child, "x" * 99], cwd=tmp_path, env=env)


def test_softlimit_leaves_room_for_long_arguments(oracle: Oracle, tmp_path: Path) -> None:
    """An environment of 80 kB and a megabyte of arguments pass a limit below our own size."""
    env = environment(**{f"V{n}": "x" * 70 for n in range(1000)})
    words = [str(n) * 3 for n in range(60000)]
    result = oracle("softlimit").compare(["-a9000000", "/bin/echo", *words], cwd=tmp_path, env=env)
    assert (result.code, len(result.out)) == (0, sum(len(word) + 1 for word in words))
    environ = ["-a9000000", "/bin/cat", "/proc/self/environ"]
    by_us = run([oracle("softlimit").ours, *environ], cwd=tmp_path, env=env)
    assert len(by_us.out.split(b"\0")) == len(env) + 1


@pytest.mark.root
def test_softlimit_counts_processes_as_c(oracle: Oracle, nobody_path: Path) -> None:
    """-p is the account's, root's is not counted: a shell that cannot fork says so."""
    pair = oracle("softlimit")
    words = ["-p0", "/bin/sh", "-c", "/bin/true & wait $! && echo forked"]
    for account in ("", "nobody"):
        results = [
            run([prog, *words], cwd=nobody_path, account=account) for prog in (pair.c, pair.ours)
        ]
        assert results[1] == results[0]
        count("softlimit")


@pytest.mark.deviation("softlimit-ours")
def test_softlimit_spares_our_own_commands(oracle: Oracle, tmp_path: Path) -> None:
    """A command of ours at the end: limits on memory are said to be ignored, others are set."""
    softlimit = oracle("softlimit")
    ours = softlimit.ours.replace("softlimit", "tai64nlocal")
    words = ["-m1000000", "-f", "3"]
    said = (
        b"tai64nlocal: warning: ignoring softlimit on data, stack, locked memory, address space\n"
    )
    c_name = runner.c_program("tai64nlocal")
    assert run([softlimit.c, *words, c_name], cwd=tmp_path, stdin=b"abcdef\n").code != 0
    for first in ([softlimit.ours], [softlimit.ours.replace("softlimit", "pysvscan"), "softlimit"]):
        shell = ["/bin/sh", "-c", 'exec "$@" >out', "sh", *first, *words]
        got = run([*shell, ours], cwd=tmp_path, stdin=b"abcdef\n")
        assert (got, (tmp_path / "out").read_bytes()) == (Result(-25, b"", said), b"abc")  # XFSZ


def test_softlimit_reaches_a_processor(oracle: Oracle, tmp_path: Path) -> None:
    """Multilog logs under a limit that it does not fit into; its processor is limited."""
    words = [oracle("softlimit").ours, "-a8000000", "-c4096", oracle("multilog").ours]
    processor = "!/bin/cat >/dev/null; ulimit -v >limit; ulimit -Sc >>limit"
    words += ["s4096", processor, "./d"]
    got = run(words, cwd=tmp_path, stdin=b"x\n" * 3000)
    assert got == Result(0, b"", b"multilog: warning: ignoring softlimit on address space\n")
    assert (tmp_path / "d/limit").read_text() == "7812\n8\n"
