"""One string from Polar to the first, last and full name that Attio wants together."""

import re

from polar_attio_pipeline.sync.records import PersonName

_COMPANY = re.compile(
    r"""(?: ^ | [\s,] )
    (?: (?i: inc | llc | llp | ltd | limited | corp | corporation | company | plc | pty | pvt | gmbh | ohg | sarl | aps
           | labs | studios? | software | technologies | solutions | group | agency | team | foundation | university )
      | AG | UG | KG | SE | SA | SAS | SL | SRL | SpA | BV | NV | AB | OY | Oy | AS | ASA | A/S | KK | LP | e\.?V
      | (?i: co\. | s\.a\. | s\.a\.s\. | s\.l\. | s\.r\.l\. | s\.p\.a\. | b\.v\. | n\.v\. | k\.k\. | s\.à\.?r\.l\.
           | sp\.?\s?z\s?o\.?\s?o\. | d\.o\.o\. | s\.r\.o\. )
    )\.? $
    | 株式会社 | 有限会社 | 有限公司 | 주식회사 | ^ (?: \u041e\u041e\u041e | \u0410\u041e ) \s""",
    re.VERBOSE,
)
"""How companies end, or in some scripts begin (the escapes are the Russian Ltd and Inc, which look Latin).

Short forms count in their capitals or with their dots alone: Co, Sa and As are family names too.
"""


def split_name(text: str | None) -> PersonName | None:
    """Split a name; `full` is the text as it stands, but for white space around it.

    Only words of the text are used, none is made up, re-cased or moved between scripts:

    - one word, or a company: all of it is the first name, the last name is empty;
    - two words and more: first and last by the conventions of the script (family name first for Han and Hangul),
      particles and suffixes stay with the last name; middle names, titles and nicknames stand in `full` alone;
    - an email address is not a name: Attio shows the address of a person without a name by itself.

    Returns:
        The three parts, or None where there is no name to write.
    """
    full = (text or "").strip()
    if not full or _is_email(full):
        return None
    if _COMPANY.search(full):
        return PersonName(first=full, last="", full=full)
    # Its vocabularies take longer to load than a quiet hour's work, and a quiet hour has no name to split.
    from nameparser import HumanName  # noqa: PLC0415

    parsed = HumanName(full)
    last = " ".join(part for part in (parsed.last, parsed.suffix) if part)
    if parsed.first and last:
        return PersonName(first=parsed.first, last=last, full=full)
    return PersonName(first=full, last="", full=full)


def _is_email(text: str) -> bool:
    return "@" in text and not any(character.isspace() for character in text)
