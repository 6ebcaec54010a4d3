import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.languages import AVAILABLE, language, negotiate

OFFERED = ("en", "zh-Hans", "de", "ar")


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [
        ("", "en"),
        ("zh", "zh-Hans"),
        ("zh-CN,zh;q=0.9", "zh-Hans"),
        ("zh-SG", "zh-Hans"),
        ("zh-Hans-CN", "zh-Hans"),
        ("zh-TW", "en"),
        ("zh-TW,de;q=0.3", "de"),
        ("de-AT", "de"),
        ("fr,ar-EG;q=0.8,de;q=0.9", "de"),
        ("de;q=0,ar", "ar"),
        ("*", "en"),
        ("ZH-cn", "zh-Hans"),
    ],
)
def test_the_language_that_a_browser_likes_best(accepted, expected):
    assert negotiate(accepted, OFFERED) == expected


@given(st.text())
def test_whatever_a_browser_sends_a_language_is_found(accepted):
    assert negotiate(accepted, OFFERED) in OFFERED


@pytest.mark.parametrize("tag", AVAILABLE)
def test_each_language_names_itself_and_its_direction(tag):
    names = {
        "en": "English",
        "zh-Hans": "中文 (简体)",
        "de": "Deutsch",
        "it": "Italiano",
        "fr": "Français",
        "es": "Español",
        "ar": "العربية",
    }
    assert language(tag).name == names[tag]
    assert language(tag).direction == ("rtl" if tag == "ar" else "ltr")
