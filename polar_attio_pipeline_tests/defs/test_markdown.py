"""Text of others in Markdown stays text: no element, picture, link or cell of theirs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from polar_attio_pipeline.defs.markdown import Markdown, escaped, link, links, row
from polar_attio_pipeline.defs.reporting import Table

HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "\\<script>alert(1)</script>",
    "[click](javascript:alert(1))",
    "![picture](https://tracker.example/1.png)",
    "<https://tracker.example>",
    "[a]: https://tracker.example",
    "x|y",
    "\\|<b>",
    "`<b>`",
    "``",
    "one\n\n# two",
    "\r\n| a | b |",
    "\\",
    "\\\\[x](y)",
)

ALPHABET = st.text(st.sampled_from("\\`|<>[]()!#*_\n\r ab:/&;\"'-"), max_size=25)


def shown(markdown: str) -> list[Token]:
    """What a viewer makes of it, elements of HTML and tables included."""
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(markdown)
    return [*tokens, *(child for token in tokens for child in token.children or ())]


def active(markdown: str) -> list[str]:
    kinds = {"html_inline", "html_block", "image", "link_open", "heading_open", "fence"}
    return [token.type for token in shown(markdown) if token.type in kinds]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_a_cell_of_text(name: str) -> None:
    table = Table(("name", "other"), [(name, "x")], total=1).text()

    assert active(table) == []
    assert [token.type for token in shown(table)].count("td_open") == 2


@given(cells=st.lists(ALPHABET, min_size=2, max_size=2))
def test_whatever_is_typed_is_one_cell_without_anything_active(cells: list[str]) -> None:
    table = Table(("name", "other"), [cells], total=1).text()

    assert active(table) == []
    assert [token.type for token in shown(table)].count("td_open") == 2


def test_what_is_not_active_is_shown_as_it_is() -> None:
    assert escaped("polar_mrr: 10 & *more*, run `polar-attio setup`") == (
        "polar_mrr: 10 & *more*, run `polar-attio setup`"
    )


def test_markdown_of_ours_is_escaped_once() -> None:
    assert escaped(escaped("a|b")) == "a\\|b"
    assert row([link("open", "https://a.example/x"), "[b]"]) == "| [open](https://a.example/x) | \\[b] |"


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "https://a.example/)![x](y", "https://a.example/ b", "data:text/html,x", "", "//a.example"],
)
def test_an_address_that_no_link_of_ours_has_is_no_link(url: str) -> None:
    assert active(link("open", url)) == []
    assert isinstance(links([url]), Markdown)
    assert "(" not in links([url])
