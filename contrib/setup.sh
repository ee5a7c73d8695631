# Read by contrib/test, contrib/demo and .ci/run, from the top of the checkout: installs what they need.
# Settings: PYSVSCAN_PYTHON (the interpreter), PYSVSCAN_VENV (.venv), PYSVSCAN_ACCOUNT (the demo's account).

VENV=${PYSVSCAN_VENV:-$PWD/.venv}
EVERYBODY=/opt/pysvscan # where every account can read, if the checkout is not such a place

say() {
    printf '%s\n' "$*"
}

fatal() {
    printf '%s: fatal: %s\n' "${0##*/}" "$*" >&2
    exit 111
}

is_root() {
    [ "$(id -u)" = 0 ]
}

is_debian() {
    [ -e /etc/debian_version ] && command -v apt-get >/dev/null
}

# The account that a part of the demo runs as; the same choice as in contrib/mailhost/build.py.
account() {
    for name in ${PYSVSCAN_ACCOUNT:-qmaill nobody daemon}; do
        id -u "$name" >/dev/null 2>&1 && say "$name" && return
    done
    fatal "unable to find an account: none of ${PYSVSCAN_ACCOUNT:-qmaill nobody daemon}"
}

# reachable PYTHON ARG...: can the account run this interpreter so? Always yes where we are not root.
reachable() {
    is_root || return 0
    "$1" -I -c '
import os, pwd, sys
account = pwd.getpwnam(sys.argv[1])
os.setgroups([])
os.setgid(account.pw_gid)
os.setuid(account.pw_uid)
os.chdir("/")
os.execv(sys.argv[2], sys.argv[2:])
' "$(account)" "$@" >/dev/null 2>&1
}

new_enough() {
    "$1" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

# packages NAME...: as root on Debian, install those that are missing; elsewhere do without them.
packages() {
    is_root && is_debian || return 0
    missing=
    for name; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || missing="$missing $name"
    done
    case $missing in *exim4*) [ -e /usr/sbin/sendmail ] && missing=$(without_exim) ;; esac
    [ "${missing# }" ] || return 0
    say "installing${missing}"
    quietly install_packages || say "unable to install${missing}: going on without"
}

# quietly COMMAND...: what it prints is shown only if it fails.
quietly() {
    log=$(mktemp)
    code=0
    "$@" >"$log" 2>&1 </dev/null || code=$?
    [ $code = 0 ] || tail -n 20 "$log"
    rm -f "$log"
    return $code
}

# In a subshell, for its trap. No package may start a daemon (exim4 would), and nothing that is here may go
# for one that comes.
install_packages() (
    policy=/usr/sbin/policy-rc.d
    if [ ! -e $policy ]; then
        trap 'rm -f $policy' EXIT
        trap 'exit 1' INT TERM HUP
        printf '#!/bin/sh\nexit 101\n' >$policy && chmod +x $policy
    fi
    apt-get -q update &&
        DEBIAN_FRONTEND=noninteractive apt-get -qy --no-remove --no-install-recommends install $missing
)

without_exim() {
    say "exim4 is not installed beside another mail server: the demo uses a small SMTP program instead" >&2
    for name in $missing; do
        case $name in exim4*) ;; *) printf ' %s' "$name" ;; esac
    done
}

# The interpreter: the first that is new enough; as root, that all accounts can reach, if there is one.
find_python() {
    if [ "${PYSVSCAN_PYTHON:-}" ]; then
        new_enough "$PYSVSCAN_PYTHON" || fatal "$PYSVSCAN_PYTHON is no Python 3.11 or newer"
        say "$PYSVSCAN_PYTHON"
        return
    fi
    is_root && first="/usr/bin/python3 /usr/local/bin/python3" || first=
    second=
    for name in $first python3 python3.14 python3.13 python3.12 python3.11; do
        path=$(command -v "$name") && new_enough "$path" || continue
        real=$("$path" -I -c 'import sys; print(sys.executable)') # not a shim that depends on HOME
        reachable "$real" -I -c pass && say "$real" && return
        [ "$second" ] || second=$real
    done
    [ "$second" ] || fatal "unable to find Python 3.11 or newer"
    say "$second"
}

# What an installation depends on: made again when this changes. Installed scripts are copies.
fingerprint() {
    cat pyproject.toml pysvscan/__init__.py pysvscan/scripts/* pysvscan/*.c setup.py 2>/dev/null | cksum
}

# venv EXTRAS: make or update $VENV with the package, editable; EXTRAS is empty or [test].
venv() {
    new_enough "$VENV/bin/python" || make_venv
    now=$(fingerprint)
    for stamp in "$VENV/installed$1" "$VENV/installed[test]"; do
        [ "$now" != "$(cat "$stamp" 2>/dev/null)" ] || return 0
    done
    say "installing pysvscan$1 into $VENV"
    pip_install "$VENV" -e ".$1" || fatal "unable to install pysvscan$1 into $VENV"
    say "$now" >"$VENV/installed$1"
}

make_venv() {
    python=$(find_python 2>/dev/null) || packages python3-venv # no Python at all, perhaps
    [ "$python" ] || python=$(find_python) || exit
    "$python" -I -c 'import ensurepip' 2>/dev/null || [ "$python" != /usr/bin/python3 ] || packages python3-venv
    say "making $VENV with $python"
    quietly "$python" -m venv --clear "$VENV" || fatal "unable to make $VENV with $python (Debian: python3-venv)"
}

# pip_install VENV ARG...: pyinotify comes as source, which older versions of pip build only if told so.
pip_install() {
    into=$1
    shift
    quietly "$into/bin/python" -m pip install -q --disable-pip-version-check --use-pep517 "$@"
}

# Set PREFIX to an installation that the demo's accounts can run: $VENV, or a copy for everybody.
everybody() {
    PREFIX=$VENV
    reachable "$VENV/bin/python" -I -m pysvscan --version && return
    PREFIX=$EVERYBODY
    python=$(find_python) || exit
    reachable "$python" -I -c pass ||
        fatal "account $(account) cannot reach $python: install a Python that every account can run (or PYSVSCAN_ACCOUNT=root)"
    now=$(cat pyproject.toml $(find pysvscan -type f ! -name '*.pyc' | sort) | cksum)
    if [ "$now" != "$(cat $PREFIX/installed 2>/dev/null)" ]; then
        say "account $(account) cannot reach $VENV: installing into $PREFIX, where every account can read"
        { quietly "$python" -m venv --clear $PREFIX && pip_install $PREFIX .; } ||
            fatal "unable to install into $PREFIX"
        say "$now" >$PREFIX/installed
    fi
    reachable $PREFIX/bin/python -I -m pysvscan --version || fatal "account $(account) cannot reach $PREFIX"
}
