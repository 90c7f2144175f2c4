"""What Attio takes for an email address, a domain and a phone number."""

import re
from typing import Any, NamedTuple

_LOCAL_PART = re.compile(r"[^\s@\"(),:;<>\[\\\].]+(?:\.[^\s@\"(),:;<>\[\\\].]+)*")
_DOMAIN = re.compile(r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+[^\W\d_][\w-]{0,61}[^\W_]")
_RESERVED_TLDS = frozenset({"test", "invalid", "example", "localhost"})
_SECOND_LEVEL = frozenset({"ac", "co", "com", "edu", "gov", "ltd", "me", "net", "or", "org", "plc"})
_FREE_MAIL_DOMAINS = """
gmail.com googlemail.com outlook.com hotmail.com hotmail.co.uk live.com msn.com yahoo.com yahoo.co.uk ymail.com
icloud.com me.com mac.com aol.com proton.me protonmail.com pm.me gmx.de gmx.net gmx.com web.de mail.com mail.ru
yandex.ru qq.com 163.com 126.com fastmail.com zoho.com hey.com duck.com t-online.de orange.fr free.fr laposte.net
libero.it naver.com
"""
FREE_MAIL = frozenset(_FREE_MAIL_DOMAINS.split())

_CALLING_CODE_AND_COUNTRY = """
1US 20EG 211SS 212MA 213DZ 216TN 218LY 220GM 221SN 222MR 223ML 224GN 225CI 226BF 227NE 228TG 229BJ 230MU
231LR 232SL 233GH 234NG 235TD 236CF 237CM 238CV 239ST 240GQ 241GA 242CG 243CD 244AO 245GW 248SC 249SD 250RW
251ET 252SO 253DJ 254KE 255TZ 256UG 257BI 258MZ 260ZM 261MG 262RE 263ZW 264NA 265MW 266LS 267BW 268SZ 269KM
27ZA 290SH 291ER 297AW 298FO 299GL 30GR 31NL 32BE 33FR 34ES 350GI 351PT 352LU 353IE 354IS 355AL 356MT 357CY
358FI 359BG 36HU 370LT 371LV 372EE 373MD 374AM 375BY 376AD 377MC 378SM 380UA 381RS 382ME 383XK 385HR 386SI
387BA 389MK 39IT 40RO 41CH 420CZ 421SK 423LI 43AT 44GB 45DK 46SE 47NO 48PL 49DE 500FK 501BZ 502GT 503SV 504HN
505NI 506CR 507PA 508PM 509HT 51PE 52MX 53CU 54AR 55BR 56CL 57CO 58VE 590GP 591BO 592GY 593EC 594GF 595PY
596MQ 597SR 598UY 599CW 60MY 61AU 62ID 63PH 64NZ 65SG 66TH 670TL 673BN 674NR 675PG 676TO 677SB 678VU 679FJ
680PW 681WF 682CK 683NU 685WS 686KI 687NC 688TV 689PF 690TK 691FM 692MH 7RU 81JP 82KR 84VN 850KP 852HK 853MO
855KH 856LA 86CN 880BD 886TW 90TR 91IN 92PK 93AF 94LK 95MM 960MV 961LB 962JO 963SY 964IQ 965KW 966SA 967YE
968OM 970PS 971AE 972IL 973BH 974QA 975BT 976MN 977NP 98IR 992TJ 993TM 994AZ 995GE 996KG 998UZ
"""
_CALLING_CODES = {entry[:-2]: entry[-2:] for entry in _CALLING_CODE_AND_COUNTRY.split()}
_COUNTRY_CODES = {country: code for code, country in _CALLING_CODES.items()} | {"CA": "1", "KZ": "7", "GG": "44"}


class Phone(NamedTuple):
    """A phone number: as it was written, its country, and E.164."""

    original: str
    country: str
    number: str


def is_email(text: str) -> bool:
    """Tell whether Attio stores this address; it refuses the reserved top-level domains (measured)."""
    local, at, domain = text.rpartition("@")
    return bool(at) and len(local) <= 64 and bool(_LOCAL_PART.fullmatch(local)) and is_domain(domain)


def is_domain(text: str) -> bool:
    """Tell whether this is a public host name."""
    return len(text) <= 253 and bool(_DOMAIN.fullmatch(text)) and text.rpartition(".")[2].lower() not in _RESERVED_TLDS


def root_domain(domain: str) -> str:
    """Return the part of a domain that somebody registered: `acme.co.uk` of `mail.acme.co.uk`."""
    labels = domain.lower().split(".")
    wide = len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SECOND_LEVEL
    return ".".join(labels[-3:] if wide else labels[-2:])


def host_of(text: str) -> str:
    """Return the host of a domain or a web address, lower-cased."""
    return re.sub(r"^[a-z][a-z0-9+.-]*://", "", text.strip().lower()).split("/")[0].split("?")[0].partition(":")[0]


def parse_phone(text: str, country: Any) -> Phone | None:
    """Read a number with `+` and a calling code, or a local number of a country. None if no plan has it."""
    if re.search(r"[^\d\s()+./-]", text):
        return None
    digits = re.sub(r"\D", "", text)
    if not text.strip().startswith("+"):
        if not isinstance(country, str) or country not in _COUNTRY_CODES:
            return None
        digits = _COUNTRY_CODES[country] + digits.lstrip("0")
    calling_code = next((digits[:size] for size in (1, 2, 3) if digits[:size] in _CALLING_CODES), None)
    if calling_code is None or not _fits_plan(calling_code, digits[len(calling_code) :]):
        return None
    return Phone(text, country or _CALLING_CODES[calling_code], f"+{digits}")


def _fits_plan(calling_code: str, subscriber: str) -> bool:
    if calling_code == "1":
        return len(subscriber) == 10 and subscriber[0] in "23456789"
    return len(subscriber) >= 5 and len(calling_code + subscriber) <= 15
