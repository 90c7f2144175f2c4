"""People to draw: names of many scripts and shapes, each with what it looks like before an @."""

from random import Random
from typing import NamedTuple


class PersonDraft(NamedTuple):
    """A name as a billing form got it, and a local part in ASCII."""

    name: str
    local: str


COMPANIES = (
    ("Analytical Engines Ltd", "analytical.example.com"),
    ("Bletchley Systems", "bletchley.example.org"),
    ("Compilers & Co.", "compilers.example.net"),
    ("Dataflow GmbH", "dataflow.example.com"),
    ("Enigma Labs, Inc.", "enigma.example.net"),
    ("Fortran Freight", "fortran.example.org"),
    ("株式会社サンプル", "sample-kk.example.com"),
    ("Пример и сыновья", "primer.example.org"),
    ("Société Générique SARL", "generique.example.net"),
    ("Initech", "initech.example.com"),
)
FREE_MAIL = ("gmail.com", "gmail.com", "gmail.com", "outlook.com", "proton.me", "icloud.com", "yahoo.com", "gmx.de")

_GIVEN = (
    "Ada", "Alan", "Barbara", "Claude", "Dorothy", "Edsger", "Frances", "Grace", "Hedy", "Ida", "John", "Katherine",
    "Leslie", "Margaret", "Niklaus", "Olga", "Peter", "Radia", "Sophie", "Tim", "Ursula", "Vint", "Wendy", "Yukihiro",
)  # fmt: skip
_FAMILY = (
    "Lovelace", "Turing", "Liskov", "Shannon", "Vaughan", "Dijkstra", "Allen", "Hopper", "Lamarr", "Rhodes", "Backus",
    "Johnson", "Lamport", "Hamilton", "Wirth", "Naur", "Perlman", "Wilson", "Thompson", "Cerf", "Hall", "Matsumoto",
)  # fmt: skip
_ACCENTED = (
    PersonDraft("Søren Kierkegaard", "soren.kierkegaard"),
    PersonDraft("José Müller-García", "jose.muller"),
    PersonDraft("Łukasz Żółty", "lukasz.zolty"),
    PersonDraft("Zoë Brontë", "zoe.bronte"),
    PersonDraft("Þóra Ægisdóttir", "thora"),
    PersonDraft("Nguyễn Thị Minh Khai", "minhkhai.nguyen"),
    PersonDraft("Siobhán O'Neil", "siobhan.oneil"),
    PersonDraft("Sinéad Ní Dhomhnaill", "sinead"),
)
_SCRIPTS = (
    PersonDraft("山田太郎", "taro.yamada"),
    PersonDraft("佐藤 花子", "hanako.sato"),
    PersonDraft("王小明", "xiaoming.wang"),
    PersonDraft("김민준", "minjun.kim"),
    PersonDraft("محمد الأحمد", "mohammed.alahmad"),
    PersonDraft("فاطمة", "fatima"),
    PersonDraft("Анна Каренина", "anna.karenina"),
    PersonDraft("Дмитрий Иванович Менделеев", "d.mendeleev"),
    PersonDraft("Ελένη Παπαδοπούλου", "eleni.p"),
    PersonDraft("דוד לוי", "david.levi"),
    PersonDraft("प्रिया शर्मा", "priya.sharma"),
    PersonDraft("สมชาย ใจดี", "somchai"),
    PersonDraft("ნინო ბერიძე", "nino.beridze"),
)
_PARTICLES = (
    PersonDraft("Ludwig van der Berg", "ludwig.vdberg"),
    PersonDraft("María de la Cruz", "maria.delacruz"),
    PersonDraft("Otto von und zu Stein", "otto.stein"),
    PersonDraft("Abu Bakr al-Razi", "alrazi"),
    PersonDraft("Vincent d'Arc", "vincent.darc"),
    PersonDraft("Ana Paula da Silva e Souza", "anapaula"),
)
_DECORATED = (
    PersonDraft("Sammy Davis Jr.", "sammy.davis"),
    PersonDraft("Dr. Jane Doe, PhD", "jane.doe"),
    PersonDraft("Prof. Dr. Konrad Zuse", "konrad.zuse"),
    PersonDraft("Thurston Howell III", "thurston.howell"),
    PersonDraft("LOVELACE/ADA MS", "a.lovelace"),
    PersonDraft("Hopper, Grace", "grace.m.hopper"),
)
_ONE_WORD = (
    PersonDraft("Madonna", "madonna"),
    PersonDraft("sudo", "sudo"),
    PersonDraft("X", "x"),
    PersonDraft("Björk", "bjork"),
    PersonDraft("ProgressReporter", "reporter"),
)
_ODD = (
    PersonDraft("  Ada   Lovelace  ", "ada.l"),
    PersonDraft("🚀 Rocket Person", "rocket"),
    PersonDraft("Sam ✨", "sam.sparkles"),
    PersonDraft("kevin mitnick", "kevin.mitnick"),
    PersonDraft("RICHARD STALLMAN", "rms"),
    PersonDraft("Robert'); DROP TABLE customers;--", "bobby.tables"),
    PersonDraft("<b>Ada</b>", "ada.bold"),
    PersonDraft("\u200fדנה Cohen", "dana.cohen"),
    PersonDraft("-", "dash"),
)


def draw_person(random: Random) -> PersonDraft:
    """Draw a person: mostly two plain words, and a little of everything else."""
    draw = random.random()
    if draw < 0.6:
        given, family = random.choice(_GIVEN), random.choice(_FAMILY)
        return PersonDraft(f"{given} {family}", f"{given}.{family}".lower())
    if draw < 0.66:
        company, domain = random.choice(COMPANIES)
        return PersonDraft(company, random.choice(("billing", "accounts", "it")) + "." + domain.partition(".")[0])
    if draw < 0.7:
        local = f"{random.choice(_GIVEN)}{random.randrange(100)}".lower()
        return PersonDraft(f"{local}@gmail.com", local)
    return random.choice(random.choice((_ACCENTED, _SCRIPTS, _SCRIPTS, _PARTICLES, _DECORATED, _ONE_WORD, _ODD)))
