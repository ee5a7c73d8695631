"""The fastest redaction that there is here: _mentions.c where it was built."""

from pysvscan import accelerators
from pysvscan.core import mentions
from pysvscan.core.redact import Redactor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_mentions: "Any" = accelerators.load("_mentions")


def begin(what: tuple[bytes, ...], now_ns: int) -> Redactor:
    """Begin to redact somewhere in a log; see core.redact.Redactor."""
    return Redactor(what, now_ns, _mentions.find if _mentions else mentions.find)
