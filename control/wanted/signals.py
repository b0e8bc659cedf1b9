"""Signals, by name or number."""

from typing import Annotated, Final

from pydantic import StringConstraints

_NAMES: Final = (
    "ABRT|ALRM|BUS|CHLD|CLD|CONT|FPE|HUP|ILL|INT|IO|IOT|KILL|PIPE|POLL|PROF|PWR|QUIT|SEGV|STKFLT|STOP|SYS|TERM|TRAP|"
    "TSTP|TTIN|TTOU|URG|USR1|USR2|VTALRM|WINCH|XCPU|XFSZ|RTMIN([+]([1-9]|1[0-5]))?|RTMAX(-([1-9]|1[0-4]))?"
)

Signal = Annotated[str, StringConstraints(pattern=rf"^((SIG)?({_NAMES})|[1-9]|[1-5][0-9]|6[0-4])$")]
"""`TERM`, `SIGTERM` or `15`."""
