"""Where the ledger is, and that its password is nowhere."""

from pathlib import Path

import pytest

from polar_attio_pipeline.ledger import Ledger, LedgerError
from polar_attio_pipeline.ledger.location import is_server, locate

SECRET = "hunter%402"
SERVER = f"postgresql://polar:{SECRET}@db.example:6432/ledger"


@pytest.mark.parametrize("given", ["some/ledger.db", "sqlite:///some/ledger.db", Path("some/ledger.db")])
def test_a_path_and_a_url_of_sqlite_name_the_same_file(given: str | Path) -> None:
    place = locate(given)

    assert place.file == Path("some/ledger.db")
    assert place.name == "some/ledger.db"


@pytest.mark.parametrize("given", ["/home/ada@example.com/ledger.db", "a:b.db", "postgres/ledger.db", "a@b:c.db"])
def test_a_path_may_have_a_colon_or_an_at_sign_where_no_url_has_a_password(given: str) -> None:
    assert locate(given).file == Path(given)


def test_an_absolute_path_and_the_home_folder_are_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))

    assert locate(f"sqlite:///{tmp_path}/a b?c.db").file == tmp_path / "a b"
    assert locate(f"{tmp_path}/a b?c.db").file == tmp_path / "a b?c.db"
    assert locate("~/ledger.db").file == tmp_path / "ledger.db"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg", "postgresql+psycopg2"])
def test_a_server_is_reached_by_the_driver_that_the_extra_installs(scheme: str) -> None:
    place = locate(SERVER.replace("postgresql", scheme, 1))

    assert place.url.drivername == "postgresql+psycopg"
    assert place.url.password == "hunter@2"
    assert place.file is None
    assert place.name == "postgresql://db.example:6432/ledger"


@pytest.mark.parametrize(
    "given",
    [
        "mysql://root:hunter2@db.example/ledger",
        "postgresql://polar:hunter2@db.example:6432",
        "postgresql://polar:hunter2@db.example:hunter2/ledger",
        "://hunter2",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file:hunter2?mode=memory&uri=true",
        "hunter2://db.example/ledger",
        "postgresql:/polar:hunter2@db.example/ledger",
        "postgresql:polar:hunter2@db.example/ledger",
        "postgresql:/db.example/ledger?password=hunter2",
        "polar:hunter2@db.example/ledger",
        "postgresql://polar:pass@hunter2@db.example/ledger",
        "postgresql://po/lar:hunter2@db.example/ledger",
    ],
)
def test_what_is_neither_a_file_nor_postgres_is_refused_without_repeating_it(given: str) -> None:
    with pytest.raises(LedgerError, match=r"POLAR_ATTIO_DATABASE_URL .* give it") as refused:
        Ledger(given)

    assert "hunter2" not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


def test_a_password_is_in_no_representation() -> None:
    shown = f"{locate(SERVER)!r} {Ledger(SERVER)!r} {Ledger(SERVER).name} {Ledger(SERVER)._database!r}"

    assert "hunter" not in shown


@pytest.mark.parametrize(
    ("given", "server"),
    [(SERVER, True), ("postgres://db/ledger", True), ("sqlite:///a.db", False), ("a.db", False), ("/a/b.db", False)],
)
def test_a_server_is_told_from_a_file(given: str, server: bool) -> None:
    assert is_server(given) is server
