import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import html

from api.wording import block, inline, plain


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*so* **much**", "<em>so</em> <strong>much</strong>"),
        ("<b>x</b>", "&lt;b&gt;x&lt;/b&gt;"),
        ("<script>x</script>", "&lt;script&gt;x&lt;/script&gt;"),
        ("![a](https://example.org/a.png)", "![a](https://example.org/a.png)"),
        ("[a](https://example.org)", "[a](https://example.org)"),
        ("<https://example.org>", "&lt;https://example.org&gt;"),
        ("{{ 7 * 7 }} {% x %}", "{{ 7 * 7 }} {% x %}"),
        ("`code`", "`code`"),
        ("a & b", "a &amp; b"),
        ("${nobody}", "<bdi></bdi>"),
    ],
)
def test_an_author_writes_emphasis_and_nothing_else(text, expected):
    assert inline(text) == expected


def test_paragraphs_and_lists_become_html():
    assert block("a\n\n- b\n- c\n\n# d") == (
        "<p>a</p>\n<ul>\n<li>b</li>\n<li>c</li>\n</ul>\n<p># d</p>\n"
    )
    assert plain("a *b*\n\n- c & d") == "a b\nc & d"


@given(st.text(st.characters(exclude_categories=("Cs", "Cc"))))
def test_an_answer_is_only_ever_text(answer):
    page = html.fragment_fromstring(
        str(inline("You said *${why}*.", {"why": answer})), create_parent="p"
    )
    assert [element.tag for element in page.iter()] == ["p", "em", "bdi"]
    assert page.text_content() == f"You said {answer}."
