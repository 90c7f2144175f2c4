from hypothesis import given
from hypothesis import strategies as st

from polar_attio_pipeline.polar.walking import page_from


@given(offset=st.integers(0, 10**7), largest=st.sampled_from([100, 93, 86, 79]))
def test_a_page_begins_at_its_offset_or_before_and_reaches_well_beyond(offset: int, largest: int) -> None:
    number, limit = page_from(offset, largest=largest)

    assert 1 <= limit <= largest
    assert (number - 1) * limit <= offset
    assert number * limit >= offset + 30


def test_the_first_page_is_the_largest() -> None:
    assert page_from(0) == (1, 100)
