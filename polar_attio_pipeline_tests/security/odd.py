"""Secrets with every odd character, between two words that no encoding of a text changes."""

from base64 import b64encode

from hypothesis import strategies as st

_AROUND = 150

LEFT, RIGHT = "hunter2left", "hunter2right"

ODD = (
    "",
    '"',
    "'",
    "`${HOME}`",
    "\\",
    "%",
    "%41%00",
    "a b",
    "=/+==",
    "?&#",
    ":@",
    "@",
    "/",
    "://",
    "<b>&amp;",
    "{}[]()",
    "|*_~",
    "é\u202e\U0001f511",
    "\n",
    "\r\n\t",
    "\x00\x1b[31m",
)
"""What stands between the two words."""

SENDABLE = "\"'`\\%41%00 b=/+==?&#:@<b>&amp;{}[]()|*_~$"
"""All of them that a header can carry, at once."""


def secret(odd: str) -> str:
    return f"{LEFT}{odd}{RIGHT}"


SECRETS = st.one_of(st.sampled_from(ODD), st.text(max_size=12)).map(secret)
"""Any, with the odd ones first."""

PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12).map(secret)
"""Any that a header can carry."""


def leaks(text: str | bytes, *secrets: str) -> list[str]:
    """What of a secret is in a text, in any encoding that keeps letters, or in base64, with what stands around it."""
    read = text if isinstance(text, str) else text.decode("latin-1")
    wanted = [LEFT, RIGHT, *(b64encode(one.encode("utf-8", "replace")).decode().rstrip("=") for one in secrets)]
    return [read[max(0, read.find(one) - _AROUND) : read.find(one) + _AROUND] for one in wanted if one in read]
