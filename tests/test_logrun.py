"""logrun: what it makes in a service directory, and what it leaves alone.

Not tested here: what the two files say (tests/core/test_logrun.py).
"""

import os
from pathlib import Path

import pytest

from pysvscan import logrun
from pysvscan.commands import logrun as command
from pysvscan.pathexec import Chain
from pysvscan.strerr import Fatal, Usage, line

RUN = "#!/bin/sh\nexec setuidgid qmaill multilog t '-*' '+*tcpserver*' ./main\n"
TOML = "[log]\nscript = \"t '-*' '+*tcpserver*' ./main\"\nuser = \"qmaill\"\n"
OTHERS = '# ours, \u00e9\r\n[later]  # of another version\nx = "y"'


def files(path: Path) -> dict[str, str]:
    """Read all files of a directory."""
    found = (it for it in path.rglob("*") if it.is_file())
    return {str(it.relative_to(path)): it.read_bytes().decode() for it in found}


def service(path: Path, run: str | None = None, toml: str | None = None) -> bytes:
    """Make a service directory; its name."""
    if run is not None:
        (path / "log").mkdir()
        (path / "log/run").write_text(run)
    if toml is not None:
        (path / "service.toml").write_bytes(toml.encode())
    return os.fsencode(path)


def failure(directory: bytes) -> str:
    """Convert what cannot be; what is said, without the directory."""
    with pytest.raises(Fatal) as caught:
        logrun.convert(directory)
    said = line("logrun", "warning", str(caught.value), caught.value.__cause__)
    return said.replace(directory, b"x").decode()


def test_log_is_made_from_run(tmp_path: Path) -> None:
    """A log/run becomes a service.toml, which all may read; log/run stays."""
    directory = service(tmp_path, RUN)
    assert (
        logrun.convert(directory) == f"{tmp_path}/service.toml: [log] made from {tmp_path}/log/run"
    )
    assert files(tmp_path) == {"log/run": RUN, "service.toml": TOML}
    assert (tmp_path / "service.toml").stat().st_mode & 0o7777 == 0o644


def test_log_is_added_to_other_tables(tmp_path: Path) -> None:
    """What is in service.toml stays as it is, byte for byte, owner and mode too."""
    directory = service(tmp_path, RUN, OTHERS)
    file = tmp_path / "service.toml"
    file.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(file, 12, 34)
    before = file.stat()
    logrun.convert(directory)
    assert files(tmp_path) == {"log/run": RUN, "service.toml": f"{OTHERS}\n\n{TOML}"}
    after = file.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (
        before.st_mode,
        before.st_uid,
        before.st_gid,
    )


def test_run_is_made_from_log(tmp_path: Path) -> None:
    """[log] becomes a log/run that can be executed, whatever the umask, with a new log/."""
    directory = service(tmp_path, toml=TOML)
    old = os.umask(0o077)
    try:
        made = logrun.convert(directory)
    finally:
        os.umask(old)
    assert made == f"{tmp_path}/log/run: made from {tmp_path}/service.toml"
    assert files(tmp_path) == {"log/run": RUN, "service.toml": TOML}
    assert (tmp_path / "log/run").stat().st_mode & 0o7777 == 0o755


def test_leftovers_are_no_hindrance(tmp_path: Path) -> None:
    """What a call left that was interrupted is replaced, not followed, and gone in the end."""
    directory = service(tmp_path, toml=TOML)
    (tmp_path / "log").mkdir()
    (tmp_path / "log/run.new").symlink_to("/nowhere")
    logrun.convert(directory)
    assert files(tmp_path) == {"log/run": RUN, "service.toml": TOML}
    assert not (tmp_path / "log/run.new").is_symlink()


@pytest.mark.parametrize(
    ("run", "toml", "message"),
    [
        pytest.param(None, None, "unable to find x/log/run, or [log] in x/service.toml", id="none"),
        pytest.param(
            None, OTHERS, "unable to find x/log/run, or [log] in x/service.toml", id="no log"
        ),
        pytest.param(
            RUN.replace("qmaill", "other"),
            TOML,
            "x/log/run and x/service.toml differ: remove what is to be made anew",
            id="differ",
        ),
        pytest.param("#!/bin/sh\nexec cat\n", None, "x/log/run: no [exec] ", id="another form"),
        pytest.param("#!/bin/sh\nexec cat\n", TOML, "x/log/run: no [exec] ", id="another beside"),
        pytest.param("x" * 65537, None, "unable to read x/log/run: larger than 65536", id="large"),
        pytest.param(RUN, "[log\n", "x/service.toml: no TOML: ", id="no TOML"),
        pytest.param(None, "log = 1\n", "x/service.toml: log: 1 is not a table", id="no table"),
        pytest.param(None, "[log]\nscript = 't'\n", "x/service.toml: log.script: ", id="bad"),
    ],
)
def test_trouble_changes_nothing(
    tmp_path: Path, run: str | None, toml: str | None, message: str
) -> None:
    """Where it is not clear what to make nothing is made, and it is said why."""
    directory = service(tmp_path, run, toml)
    before = files(tmp_path)
    assert failure(directory).startswith(f"logrun: warning: {message}")
    assert files(tmp_path) == before


def test_system_errors_are_said(tmp_path: Path) -> None:
    """No directory, a log that is a file, a service.toml that is a link."""
    assert failure(os.fsencode(tmp_path / "missing")) == (
        "logrun: warning: unable to open directory x: file does not exist\n"
    )
    directory = service(tmp_path, toml=TOML)
    (tmp_path / "log").write_text("")
    assert failure(directory) == "logrun: warning: unable to read x/log/run: not a directory\n"
    (tmp_path / "log").unlink()
    (tmp_path / "log").mkdir()
    (tmp_path / "log/run").write_text(RUN)
    (tmp_path / "service.toml").rename(tmp_path / "shared")
    (tmp_path / "service.toml").symlink_to("shared")
    (tmp_path / "shared").write_bytes(OTHERS.encode())
    assert failure(directory) == (
        "logrun: warning: unable to replace x/service.toml: not a plain file\n"
    )
    assert (tmp_path / "shared").read_bytes() == OTHERS.encode()


def test_command_goes_on_and_says_what_it_made(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Each directory by itself: one made, one with a trouble, one where nothing is to do."""
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
    text = TOML.replace('"t ', '"d s20000000 ') + "compress = 'gzip'\nstderr = true\n"
    service(tmp_path / "a", toml=text)
    service(tmp_path / "c", RUN, TOML)
    words = [os.fsencode(tmp_path / name) for name in ("a", "b", "c")]
    assert command.main([b"logrun", *words], Chain({})) == 111
    out, err = capfd.readouterr()
    assert out.replace(str(tmp_path), "") == "/a/log/run: made from /a/service.toml\n"
    assert err.replace(str(tmp_path), "") == (
        "logrun: warning: /a/log/run: C's multilog knows no stderr, compress\n"
        "logrun: warning: /a/log/run: C's multilog ignores d: lines have no stamp\n"
        "logrun: warning: /a/log/run: C's multilog takes s20000000 for s16777215\n"
        "logrun: warning: unable to find /b/log/run, or [log] in /b/service.toml\n"
    )
    assert command.main([b"logrun", words[0], words[2]], Chain({})) == 0
    assert capfd.readouterr() == ("", "")
    with pytest.raises(Usage, match=r"^pysvscan logrun dir \.\.\.$"):
        command.main([b"logrun"], Chain({}))
