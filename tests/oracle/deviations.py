"""Where we do not do as daemontools 0.76 does, because it is defective there.

Each entry has a test marked `@pytest.mark.deviation(NAME)`, which shows both sides;
test_deviations.py sees to that. The README's table says the same to users. Append yours.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Deviation:
    """One difference.

    Attributes:
        name: `command-subject`, as tests and README call it.
        what: C does this, we do that.
        why: what C's way costs its users.
        source: where C does it.
    """

    name: str
    what: str
    why: str
    source: str


DEVIATIONS = (
    Deviation(
        name="tai64nlocal-bad-label",
        what="an @ without 24 hex digits, or with a year that no calendar has, is copied as it is; "
        "C dies of SIGSEGV",
        why="one line that begins with @ lost the rest of the log, and what was buffered",
        source="tai64nlocal.c main(): localtime() may return 0",
    ),
    Deviation(
        name="tai64n-one-stamp",
        what="lines of one read (64 kB) share a label; C takes the clock for each line",
        why="ten times the speed; the lines were there at the same moment",
        source="tai64n.c main(): timestamp() per line",
    ),
    Deviation(
        name="svstat-read-error",
        what="a supervise/status that opens and cannot be read is named, with the error; "
        "C describes the service looked at before, or zeros",
        why="a wrong answer instead of an error",
        source="svstat.c doit(): read() < sizeof status, compared unsigned",
    ),
    Deviation(
        name="envdir-dangling",
        what="a link to nothing unsets its variable; C sets it to the raw text of the file before",
        why="a value that depends on the order of the directory",
        source="envdir.c: openreadclose() returns 0 and leaves its buffer as it was",
    ),
    Deviation(
        name="stdin-directory",
        what="a command whose standard input is a directory exits 1; C's fails only where it reads",
        why="the interpreter refuses it, before any line of ours",
        source="Python/pylifecycle.c init_sys_streams()",
    ),
    Deviation(
        name="environment-oddities",
        what="a child does not get environment entries without name or =, nor a name's second one; "
        "C hands them on",
        why="Python's execve takes a dictionary; getenv never finds such entries",
        source="pathexec_env.c pathexec()",
    ),
    Deviation(
        name="environment-large",
        what="above 95 kB of environment a child gets PWD, and no names that are no identifiers",
        why="the shell that finds the interpreter hands the original over in one variable, "
        "which the kernel limits to 128 kB",
        source="pysvscan/scripts/command",
    ),
    Deviation(
        name="shell-current-directory",
        what="where the current directory has been removed, the shell says so on stderr before a "
        "command begins; C's programs do not look",
        why="the shell that finds the interpreter asks where it is, before its first line",
        source="pysvscan/scripts/command; dash cd.c getpwd()",
    ),
    Deviation(
        name="shell-descriptors",
        what="an installed command needs a limit of 14 descriptors; C's needs 4",
        why="the shell that finds the interpreter keeps its own from 10 to 13; within a "
        "chain, softlimit -o takes effect after that",
        source="pysvscan/scripts/command; dash redir.c savefd()",
    ),
    Deviation(
        name="shell-sigchld",
        what="a SIGCHLD that was ignored is not, for a command and its child; C's hand it on",
        why="the shell resets it; fghack works where C's says that it has no child",
        source="pysvscan/scripts/command; dash trap.c",
    ),
    Deviation(
        name="supervise-deaf-second",
        what="a command is heard at once after a start; C hears none for a second",
        why="svc -d after a start took a second, and said nothing",
        source="supervise.c trystart(): deepsleep(1)",
    ),
    Deviation(
        name="supervise-repeats",
        what="why a service does not run is said once, then at growing intervals; C says it each "
        "second",
        why="86,400 equal lines a day hide all others",
        source="supervise.c trystart(), doit()",
    ),
    Deviation(
        name="supervise-fork-failure",
        what="where no process can be had, the next try is soon, and commands are heard; C sleeps "
        "60 seconds, deaf",
        why="a short shortage costs a minute, in which svc -d does nothing",
        source="supervise.c trystart(): deepsleep(60)",
    ),
    Deviation(
        name="supervise-takes-over",
        what="a service that runs is taken over after the death of its supervise; C starts a "
        "second copy",
        why="two copies fight for the same port, spool or lock",
        source="supervise.c main(): knows of no process",
    ),
    Deviation(
        name="supervise-links",
        what="a link in the place of lock, control or ok is refused; C follows it",
        why="a service's own account may be able to write there, and supervise is root",
        source="supervise.c main(): open_append(), open_read()",
    ),
    Deviation(
        name="supervise-plain-files",
        what="control or ok that is no FIFO is refused; C takes it, and is deaf",
        why="a copy without FIFOs (cp -r, an archive) looked supervised and could not be commanded",
        source="supervise.c main(): fifo_make() unchecked",
    ),
    Deviation(
        name="supervise-descriptors",
        what="a service gets the descriptors 0, 1 and 2; C hands on all that it was given",
        why="a lock or a socket of the shell that started it, held by every service for ever",
        source="supervise.c trystart()",
    ),
    Deviation(
        name="svscan-log-label",
        what="a message about a logger says NAME/log; C says log",
        why="with two loggers one does not know whose it is",
        source="svscan.c start(): chdir and supervise log",
    ),
    Deviation(
        name="svscan-term",
        what="TERM stops all services in order, loggers last; C dies and leaves them",
        why="nothing else stops a scan directory, and containers are stopped by TERM",
        source="svscan.c: no signal is handled",
    ),
    Deviation(
        name="svscan-second",
        what="a second svscan of a directory says so and exits 111; C goes on, and each supervise "
        "that it starts fails, every 5 s",
        why="a line per service each 5 s, and pipes that lead nowhere",
        source="svscan.c main()",
    ),
    Deviation(
        name="svscan-1000",
        what="any number of services; C refuses the 1001st",
        why="a table of fixed size",
        source="svscan.c: #define SERVICES 1000",
    ),
    Deviation(
        name="multilog-term-partial-line",
        what="TERM within a line that does not go on: the line gets its newline after 2 s; C "
        "waits for ever",
        why="a service that printed half a line kept its logger from stopping",
        source="multilog.c doit(): flagexitasap, read byte by byte",
    ),
    Deviation(
        name="multilog-term-race",
        what="TERM is heard while multilog works; C, if busy, notices it only after more input",
        why="svc -d of an idle service's logger did nothing",
        source="multilog.c flushread(): sig_unblock, then read",
    ),
    Deviation(
        name="multilog-term-blocked",
        what="TERM with a full disk: multilog tries for 2 s, says what it gives up, and exits "
        "111; C goes on for ever",
        why="only KILL ended it, which lost the same and said nothing",
        source="multilog.c c_write(): the loop has no end",
    ),
    Deviation(
        name="multilog-term-processor",
        what="TERM while a processor runs: multilog waits 10 s for it, then leaves it; C waits "
        "for ever",
        why="a hanging processor kept the logger from stopping; its input is still there",
        source="multilog.c fullcurrent(): wait_pid",
    ),
    Deviation(
        name="multilog-empty-u",
        what="an empty current makes no archive; C makes an empty .u",
        why="each unclean restart of an idle logger pushed a real archive out",
        source="multilog.c restart(): finish current",
    ),
    Deviation(
        name="multilog-unknown-action",
        what="what is no action is ignored with a warning; C says nothing",
        why="a typing error in a script lost the log",
        source="multilog.c main(): no default",
    ),
    Deviation(
        name="multilog-readable-stamps",
        what="d, m and T as the first word, alone, put local time to the nanosecond, to the "
        "millisecond, or Unix time to the microsecond before each line; C ignores them",
        why="what forks of daemontools gave their users; a log that can be read as it is",
        source="multilog.c main(): no default; sagredo-dev/daemontools README; daemontools-encore "
        "multilog(8)",
    ),
    Deviation(
        name="multilog-encore-actions",
        what="after F patterns are those of fnmatch(3), until S or the line's end; w names what "
        "archives end with instead of s; C ignores all three, and daemontools-encore goes on with "
        "F in the next line",
        why="daemontools-encore's users rely on it; a script that selected its first line "
        "otherwise than the others served nobody",
        source="multilog.c main(): no default; daemontools-encore multilog.c",
    ),
    Deviation(
        name="multilog-size",
        what="s goes up to 104857600 (100 MB); C's ends at 16777215",
        why="one day of a busy host in one file",
        source="multilog.c main(): 16777215",
    ),
    Deviation(
        name="multilog-one-stamp",
        what="lines that begin in one read (64 kB) share a stamp; C takes the clock for each line",
        why="several times the speed; the lines were there at the same moment",
        source="multilog.c getch(), timestamp()",
    ),
    Deviation(
        name="multilog-file-size-limit",
        what="a limit on file sizes is a write error like others, waited for; C dies of SIGXFSZ",
        why="what had been read was lost",
        source="multilog.c: the signal's default",
    ),
    Deviation(
        name="multilog-archive-names",
        what="an archive's name is never below the last one's; C takes the clock, also one set "
        "back",
        why="the oldest by name is deleted, which then was the newest",
        source="multilog.c finish()",
    ),
    Deviation(
        name="multilog-nonblocking-input",
        what="nothing to read on a non-blocking descriptor is waited for; C takes it for the end",
        why="O_NONBLOCK belongs to all who share the pipe: one of them ended the log",
        source="multilog.c flushread(): r <= 0",
    ),
    Deviation(
        name="softlimit-encore",
        what="- stands for no limit at all, and the variables SOFTLIMIT_… are as options before "
        "the first; to C - is no number, and it knows no variables",
        why="daemontools-encore's users rely on it",
        source="softlimit.c doit(), main()",
    ),
    Deviation(
        name="softlimit-ours",
        what="softlimit -a -d -l -m -s do not apply to a command of ours at the end of the chain, "
        "with a warning; multilog's processor, and what svscan and supervise start, gets them",
        why="an interpreter does not fit into what a C program is given",
        source="softlimit.c; pathexec.py",
    ),
    Deviation(
        name="svc-more-letters",
        what="-q, -1, -2, -w, -+ and -= are daemontools-encore's options (QUIT, USR1, USR2, WINCH, "
        "to the group, to the process); to C they are illegal, and its supervise ignores the bytes",
        why="servers that reopen logs or stop softly on such signals had no letter",
        source="svc.c main(): sgetopt; supervise.c doit()",
    ),
    Deviation(
        name="svc-plain-files",
        what="a control that is no FIFO is supervise not running; C writes its letters over it",
        why="by a link there, whoever owns a service had root's svc write into any file",
        source="svc.c main(): open_write()",
    ),
    Deviation(
        name="svstat-long",
        what="a first word -l or --json asks for more than C's words; C takes it for a directory",
        why="what 18 bytes do not hold had no place in the line that scripts read",
        source="svstat.c main(): no options",
    ),
    Deviation(
        name="envdir-prefix",
        what="a first word that begins with -p gives a prefix; C takes it for the directory",
        why="daemontools-encore's users rely on it",
        source="envdir.c main(): no options",
    ),
    Deviation(
        name="setuidgid-groups",
        what="a first word -s asks for the account's supplementary groups; C takes it for the "
        "account",
        why="daemontools-encore's users rely on it",
        source="setuidgid.c main(): no options",
    ),
    Deviation(
        name="svscanboot-services-stay",
        what="svscanboot does not begin with svc -dx; it runs svscan in a session of its own, "
        "again when that dies, and ends with it on TERM; a directory may be named: without, it "
        "takes /service or else /etc/service",
        why="services that outlived their svscan were ended at its restart; init saw svscan's end "
        "only when all services had closed their stderr",
        source="svscanboot.sh",
    ),
)
