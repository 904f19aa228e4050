"""Whatever a text holds, it is read as that text and as no markup."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semantic_matte.reports.markup import Markup, element, escaped, joined


class Reader(HTMLParser):
    """Tags, attributes and text, as a browser's parser has them."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


# What has no place in HTML is replaced, and a parser makes one kind of line end out of all.
texts = st.text(st.characters(exclude_categories=["Cc", "Cs", "Cn"]), max_size=40)
texts |= st.sampled_from(
    ['"><script>alert(1)</script>', "' onload='x", "&lt;", "<!--", "]]>", "</style>", "a\nb"]
)


@settings(max_examples=150, deadline=None)
@given(texts, texts)
def test_texts_and_attributes_come_back_as_they_were(text: str, value: str) -> None:
    read = Reader(element("p", text, title=value))
    assert read.tags == [("p", {"title": value})]
    assert read.text == text


@pytest.mark.parametrize("bad", ["\x00", "\x1b[31m", "\x7f", "\ud800", "\ufffe"])
def test_what_no_page_can_hold_is_replaced(bad: str) -> None:
    made = escaped(f"a{bad}b")
    assert made.encode("utf-8").startswith("a\N{REPLACEMENT CHARACTER}".encode())


def test_markup_is_not_escaped_again_and_everything_else_is() -> None:
    inside = element("b", "<")
    assert inside == "<b>&lt;</b>"
    assert element("p", [inside, "<i>"]) == "<p><b>&lt;</b>&lt;i&gt;</p>"
    # What is done to markup as text makes it text again.
    assert element("p", inside + "") == "<p>&lt;b&gt;&amp;lt;&lt;/b&gt;</p>"
    assert joined("<") == "&lt;"
    assert isinstance(joined(["a", inside]), Markup)


def test_attributes_that_are_none_or_false_are_left_out() -> None:
    made = element("img", class_="a", aria_label="b", alt=None, hidden=False, loading=True)
    assert made == '<img class="a" aria-label="b" loading>'


@pytest.mark.parametrize("name", ['a"b', "a b", "on>", "1"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="attribute's name"):
        element("p", "", **{name: "x"})
