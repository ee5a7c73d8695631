"""What of a server's verdict on a login is seen: nothing that the client may have said. Pure.

A server may quote the line that it refuses, as it came or decoded, in part or in other case: what
of it is a secret cannot be found by comparison, least of all by a logger that has not read the
client's line. So it is the other way round: the code is seen, and the words that servers say, up
to the first other one.
"""

import re

HIDDEN = b"[redacted]"
CODE = re.compile(rb"(?:[45][0-9][0-9]|235)[ -]?|-ERR|\+OK", re.IGNORECASE)
WORD = re.compile(rb"[^ \t]+")
PLAIN = re.compile(rb"[a-z()\[\].,:;!?'\"/-]+", re.IGNORECASE)
DETAIL = re.compile(rb"[(]?#?[245]\.[0-9]{1,2}\.[0-9]{1,2}[)]?[:;.,]?")  # RFC 3463; qmail
LETTERS = re.compile(rb"[a-z]+")
HARMLESS = frozenset(
    b"""
    aborted accept accepted access account accounts aack after again already an and are argument
    arguments as at attempt attempts auth authenticate authenticated authentication
    authorization authorized available backend bad base be been before bye cancel canceled
    cancelled cannot chain challenge child client closed closing command commands connection
    contact could crashed credential credentials cram data database decode decoding denied
    details did digest disabled disconnected does doesn domain during empty enabled encoding
    encrypted encryption error errors exist expected expired failed failure first follow for
    found from further go ahead good greeting had has have home host in incorrect information
    initial input insufficient internal invalid is isn issue it later length line local lock
    locked log logged login lost mail mailbox maildir maildrop malformed many match mechanism
    mechanisms message messages method missing most must necessary no not now ok on only open
    opening or out parameter parameters password passwords permission permitted plain please
    policy present problem protocol ready recognized reject rejected rejecting request requested
    require required requires response scan secure securely security sender sequence server
    service session shutting sorry space specify start started starttls step stls string
    subsystem succeeded success successful successfully such sufficient support supported
    suspended syntax sys system t temp temporarily temporary than the then this timed timeout to
    too transaction transition try type unable unavailable unencrypted unexpected unimplemented
    unknown unrecognised unrecognized unsupported until up use user username was weak welcome
    with without wrong you your
    """.split()
)


def is_one(answer: bytes) -> bool:
    """Say whether an answer is a verdict, by its begin: one that may quote what was said."""
    return CODE.match(answer) is not None


def harmless(answer: bytes) -> bytes:
    """Hide what follows the harmless words of a verdict, or of a part of one."""
    code = CODE.match(answer)
    for found in WORD.finditer(answer, code.end() if code else 0):
        if not is_harmless(found[0]):
            return answer[: found.start()] + HIDDEN
    return answer


def is_harmless(word: bytes) -> bool:
    """Say whether a word tells nothing: a known one, a code, a dash."""
    if DETAIL.fullmatch(word) or (len(word) == 1 and not word.isalnum()):
        return True
    letters = set(LETTERS.findall(word.lower()))
    return bool(letters) and letters <= HARMLESS and PLAIN.fullmatch(word) is not None
