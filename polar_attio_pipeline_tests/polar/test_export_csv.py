"""Polar's export, as text: every row comes out whole, or there is an error."""

import tracemalloc
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polar_attio_pipeline.http.errors import LostAnswerError
from polar_attio_pipeline.polar.export_csv import HEADER, rows_of
from polar_attio_pipeline.polar.models import Address, BadRow, CustomerRow
from polar_attio_pipeline_tests.polar.fakes import csv_text, polar_id, row

TEXT = st.text(alphabet=st.sampled_from(list("aé\"',;\r\n\x00\x0b\u2028 =")) | st.characters(codec="utf-8"), min_size=1)
ROWS = st.lists(
    st.builds(
        lambda number, name, external, email: row(number, name=name, external_id=external, email=email),
        st.integers(0, 10**6),
        TEXT | st.none(),
        TEXT | st.none(),
        TEXT | st.none(),
    ),
    max_size=8,
)


async def chunks(text: str, sizes: Iterable[int] = ()) -> AsyncIterator[str]:
    start = 0
    for size in sizes:
        yield text[start : start + size]
        start += size
    yield text[start:]


async def read(text: str, sizes: Iterable[int] = ()) -> list[CustomerRow | BadRow]:
    return [one async for rows in rows_of(chunks(text, sizes)) for one in rows]


@given(ROWS, st.lists(st.integers(0, 40)))
async def test_whatever_names_hold_and_wherever_the_text_is_cut_in_pieces_every_row_comes_out(
    rows: list[dict[str, object]], sizes: list[int]
) -> None:
    found = await read(csv_text(rows), sizes)

    said = [(one.id, one.name, one.external_id, one.email) for one in found if isinstance(one, CustomerRow)]
    assert said == [(each["id"], each["name"], each["external_id"], each["email"]) for each in rows]


@given(ROWS.filter(len), st.data())
async def test_a_text_that_breaks_off_within_a_row_is_never_a_shorter_book(
    rows: list[dict[str, object]], data: st.DataObject
) -> None:
    text = csv_text(rows)
    cut = text[: data.draw(st.integers(0, len(text) - 1))]

    try:
        found = await read(cut)
    except LostAnswerError:
        return
    whole = csv_text(rows[: len(found)])
    assert cut in (whole, whole.removesuffix("\n")), "only between two rows does nothing but the count tell"


async def test_a_row_says_what_the_sync_needs_and_not_what_the_export_leaves_out() -> None:
    given = row(7, external_id="u7", billing_address={"country": "GB"}, metadata={"plan": 'a "b", c\n'})

    (found,) = await read(csv_text([given]))

    assert found == CustomerRow(
        id=polar_id(7),
        created_at=datetime(2026, 11, 23, 11, 53, tzinfo=UTC),
        email="c7@example.com",
        name="Ada Lovelace",
        type=None,
        organization_id="",
        external_id="u7",
        billing_address=Address(country="GB"),
    )


async def test_a_row_that_does_not_parse_costs_itself() -> None:
    found = await read(csv_text([row(1), row(2, created_at="soon"), row(3)]))

    assert [type(one) for one in found] == [CustomerRow, BadRow, CustomerRow]
    assert found[1].id == polar_id(2)


async def test_an_export_of_nobody_is_its_header() -> None:
    assert await read(csv_text([])) == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "breaks off"),
        (",".join(HEADER), "breaks off"),
        (csv_text([row()]).replace("External ID", "External Id"), "other columns"),
        (csv_text([row()]).replace("Metadata", "Metadata,Type"), "other columns"),
        (csv_text([row()]).rstrip() + ",more\r\n", "another number of columns"),
        (csv_text([]) + "\r\n", "another number of columns"),
        (csv_text([]) + f"{polar_id(1)},,2026\r\n", "another number of columns"),
        (csv_text([]) + '"' + "x" * 1_000_001, "a row without an end"),
        (csv_text([]) + '"a"b"c"' + "," * 12 + "\r\n", "is no CSV"),
        ("<html>\n<body>\n</html>\n", "other columns"),
    ],
)
async def test_what_is_no_whole_export_is_an_error(text: str, why: str) -> None:
    with pytest.raises(LostAnswerError, match=why) as raised:
        await read(text)

    assert "@" not in str(raised.value)


async def test_a_big_export_takes_the_memory_of_a_small_one() -> None:
    header, _, body = csv_text([row(1)]).partition("\r\n")

    async def pieces(count: int) -> AsyncIterator[str]:
        yield f"{header}\r\n"
        for _ in range(count):
            yield body * 50

    async def most(count: int) -> int:
        tracemalloc.start()
        seen = sum([len(rows) async for rows in rows_of(pieces(count))])
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert seen == 50 * count
        return peak

    await most(1)
    assert await most(100) < 2 * await most(10)
