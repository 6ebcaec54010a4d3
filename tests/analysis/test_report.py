import copy

import numpy as np
import pandas as pd
import pytest
from lxml import html

from analysis import (
    SurveyDesign,
    compare,
    list_experiment,
    mean,
    proportion,
    rake,
    share_of,
)
from analysis.errors import EstimationError, UnknownColumn
from analysis.report import build_comparison, build_report
from analysis.tables import masked, p_value, percent, points

VIEWS = ["for", "halfway", "against"]
ITEMS = "a b c d"
SHOWN = {
    "items_group": {
        "control": ["Apples", "Bread", "Cheese"],
        "treatment": ["Apples", "Bread", "Cheese", "The <sensitive> one"],
    },
    "view_order": {
        "forward": ["Some are **for it**.\n\nOthers are against it."],
        "reverse": ["Some are against it.\n\nOthers are **for it**."],
    },
    "arm": {"figures": ["In one year *seven* people."]},
}
PLAN = {
    "headline": {"outcome": "view", "share_of": ["for"], "label": "Share <for>"},
    "chart": "view",
    "sensitive": {"direct": "direct", "share_of": ["yes"], "count": "items"},
    "arm_effect": {
        "experiment": "arm",
        "reference": "none",
        "outcome": "after",
        "share_of": ["yes"],
    },
}


def responses(n=150, seed=3):
    """Coded as a release stores them: text, missing answers as codes."""
    draw = np.random.default_rng(seed)
    rows = 3 * n
    yes = np.where(draw.random(rows) < 0.4, "yes", "no")
    treated = draw.random(rows) < 0.5
    counts = draw.binomial(3, 0.5, rows) + (treated & (draw.random(rows) < 0.3))
    frame = pd.DataFrame(
        {
            "country": np.repeat(["IT", "CN", "DE"], n),
            "sex": draw.choice(["woman", "man", "other"], rows, p=[0.4, 0.58, 0.02]),
            "view": draw.choice(VIEWS, rows, p=[0.5, 0.2, 0.3]),
            "view_order": draw.choice(["forward", "reverse"], rows),
            "direct": yes,
            "items": counts.astype(str),
            "items_group": np.where(treated, "treatment", "control"),
            "items_order": ITEMS,
            "arm": draw.choice(["none", "figures"], rows),
            "after": np.where(draw.random(rows) < 0.5, "yes", "no"),
        }
    )
    frame.loc[:19, "view"] = "dont_know"
    frame.loc[20:22, "view"] = "refused"
    elsewhere = frame.head(11).assign(country="other")
    return pd.concat([frame, elsewhere], ignore_index=True)


CATEGORIES = {
    "country": {"CN": "China", "DE": "Germany", "IT": "Italy", "other": "Elsewhere"},
    "sex": {"woman": "Woman", "man": "Man", "other": "Another answer"},
    "view": {"for": "I am for it", "halfway": "Halfway", "against": "I am against it"},
    "direct": {"yes": "Yes", "no": "No"},
    "view_order": {"forward": "forward", "reverse": "reverse"},
    "items_group": {"control": "Short list", "treatment": "Long list"},
    "arm": {"none": "No information", "figures": "Figures"},
    "after": {"yes": "Yes", "no": "No"},
}


def frame_of(stored):
    frame = stored.mask(stored.isin(["dont_know", "refused"]))
    for name, labels in CATEGORIES.items():
        frame[name] = pd.Categorical(frame[name], list(labels))
    return frame.assign(items=frame["items"].astype(float))


def package(**facts):
    fields = [
        {
            "name": name,
            "title": f"Full wording of **{name}**?",
            "categories": [
                {"value": value, "label": label}
                for value, label in CATEGORIES.get(name, {}).items()
            ],
            "missingValues": ["dont_know", "refused", "not_answered"],
            "parallax": {
                "labels": {"en": f"Title of {name}"},
                "values": [
                    {
                        "name": value,
                        "shown": [
                            {"en": text, "de": "anders"}
                            for text in SHOWN.get(name, {}).get(value, ())
                        ],
                    }
                    for value in CATEGORIES.get(name, {})
                ],
            },
        }
        for name in responses(10)
    ]
    block = {
        "survey": "views",
        "title": "Views",
        "questionnaire_version": "ab12",
        "languages": ["en", "de"],
        "weeks": ["2026-W48", "2026-W49"],
        "profile": "internal",
        "k": 5,
        "l": 2,
        "suppressed_cells": {"sex": 4, "country": 0},
        "n_responses": 461,
        "synthetic": True,
        "tier": "T0",
        "countries": ["IT", "DE", "CN"],
        "margins": [["sex"]],
        "quasi_identifiers": ["country", "sex"],
        "report": PLAN,
        "disclosure": {
            "population": "Adults",
            "probability_sample": False,
            "dates": "Two weeks.",
            "sample_sizes_and_precision": "No quotas.",
        },
        "labels": {"view": "The view"},
        "asked_by": "The <b>institute</b>",
        "files": {"responses.parquet": "cd34"},
        "software": "parallax-survey 0.1.0",
    }
    resource = {"name": "responses", "schema": {"fields": fields}}
    return {"resources": [resource], "parallax": {**block, **facts}}


POPULATION = pd.DataFrame(
    [
        {"country": country, "sex": sex, "population": count}
        for country in ("CN", "DE", "IT")
        for sex, count in (("woman", 52), ("man", 48))
    ]
).assign(source="An <office>", year=2020, status="illustrative")


def build(stored, *, population=POPULATION, coded=True, **facts):
    text = build_report(
        package(**facts), frame_of(stored), population, stored if coded else None
    )
    return text, html.fromstring(text)


def table(page, caption):
    """Rows by their first cell."""
    found = [
        each
        for each in page.iter("table")
        if each.findtext("caption/span").strip() == caption
    ]
    assert len(found) == 1, (caption, len(found))
    rows = (
        [cell.text_content() for cell in row] for row in found[0].iterfind("tbody/tr")
    )
    return {first: rest for first, *rest in rows}


@pytest.fixture(scope="module")
def stored():
    return responses()


@pytest.fixture(scope="module")
def report(stored):
    return build(stored)


@pytest.fixture(scope="module")
def weighted(stored):
    """The design as an analyst would make it, without the report."""
    frame = frame_of(stored)
    frame = frame[frame["country"] != "other"].reset_index(drop=True)
    frame = frame.assign(
        country=frame["country"].astype(str),
        is_for=share_of(frame["view"], ["for"]),
        says_yes=share_of(frame["after"], ["yes"]),
        is_long=frame["items_group"].astype(str) == "treatment",
        sex=frame["sex"].where(frame["sex"] != "other"),
    )
    design = SurveyDesign(frame, strata="country")
    return rake(design, POPULATION, missing="keep", variance="jackknife")


def test_the_headline_is_what_an_analyst_gets(report, weighted):
    share = mean(weighted, "is_for", by="country")
    rows = table(report[1], "Share <for>")
    # In the order of the codes, whatever the order of the study or the data.
    assert list(rows) == ["CN China", "DE Germany", "IT Italy"]
    for name, (estimate, _, n, _, effect, _) in rows.items():
        code = name[:2]
        assert n == str(share.n_respondents[code])
        assert estimate == percent(share.values[code])
        assert effect == f"{share.design_effects[code]:.2f}"


def test_the_unweighted_share_counts_heads(report, stored):
    answered = stored[(stored["country"] == "IT") & stored["view"].isin(VIEWS)]
    expected = percent((answered["view"] == "for").mean())
    assert table(report[1], "Share <for>")["IT Italy"][3] == expected


def test_all_pairs_are_compared(report, weighted):
    differences = compare(mean(weighted, "is_for", by="country")).to_frame()
    rows = list(table(report[1], "Differences between countries").values())
    assert [(row[0], row[2]) for row in rows] == [
        (points(row["estimate"]), p_value(row["p_value"]))
        for _, row in differences.iterrows()
    ]
    assert len(rows) == 3


def test_the_list_experiment_is_what_an_analyst_gets(report, weighted):
    share = list_experiment(weighted, "items", "is_long", by="country")
    rows = table(report[1], "Asked directly and by list experiment")
    assert [row[4].removesuffix(" †") for row in rows.values()] == [
        percent(value) for value in share.values
    ]
    assert "how many of 3 things" in report[0]


def test_arms_are_compared_within_countries(report, weighted):
    rows = table(report[1], "Title of after by arm")
    for code, name in [("CN", "China"), ("DE", "Germany"), ("IT", "Italy")]:
        where = weighted.frame["country"] == code
        effect = compare(mean(weighted, "says_yes", by="arm", where=where), "none")
        assert rows[f"{code} {name}: Figures"][3] == points(effect.values.iloc[0])
        assert rows[f"{code} {name}: No information"][3] == "reference"


def test_missing_answers_are_told_apart(report):
    # Of 23 missing answers in Italy 3 were refused: too few to say, and the 20 would
    # give them away.
    rows = table(report[1], "The view: who answered")
    assert rows["IT Italy"] == ["150", "127", "withheld", "< 10"]
    assert rows["DE Germany"] == ["150", "150", "0", "0"]


def test_weights_reach_their_margins(report):
    rows = table(report[1], "Weights by country")
    assert {row[3] for row in rows.values()} == {"0.0"}
    # Another gender has no target: lacking a margin, and not an error.
    margins = table(report[1], "Margins: CN China")
    assert set(margins) == {"Woman", "Man"}
    assert [row[1:] for row in margins.values()] == [["52.0", "52.0"], ["48.0", "48.0"]]
    sources = table(report[1], "Where the targets come from")
    assert sources["An <office>"] == ["2020", "illustrative", "CN, DE, IT", "6"]


def test_everything_says_that_it_is_synthetic(report):
    page = report[1]
    assert "synthetic" in page.findtext("head/title")
    marked = [
        *page.iter("figcaption"),
        *page.iter("caption"),
        *page.iter("footer"),
        *page.find_class("banner"),
    ]
    assert len(marked) > 10
    assert [each for each in marked if "ynthetic" not in each.text_content()] == []


def test_nothing_is_synthetic_where_respondents_are_real(stored):
    text, _ = build(stored, report=None, synthetic=False)
    assert "synthetic" not in text.lower()


def test_the_file_needs_nothing_else(report):
    text, page = report
    assert text.startswith("<!doctype html>")
    assert [*page.iter("script", "link", "img", "iframe", "object")] == []
    assert page.xpath("//@href | //@src | //@srcset") == []
    assert text.replace("http://www.w3.org/2000/svg", "").count("://") == 0
    assert "url(" not in text
    assert "@import" not in text
    assert page.get("lang") == "en"


def test_texts_of_the_study_are_text(report):
    text, page = report
    assert "The &lt;b&gt;institute&lt;/b&gt;" in text
    assert page.find_class("institute") == []
    assert "Full wording of view?" in page.text_content()


def quoted(page, start):
    """Texts that follow the paragraph which begins so, up to the next heading."""
    (paragraph,) = [
        each for each in page.iter("p") if each.text_content().startswith(start)
    ]
    follows = paragraph.itersiblings("ul", "blockquote", "h3", "h2")
    return next(each for each in follows).text_content().split()


def test_both_lists_and_all_texts_of_the_experiments_are_shown(report):
    text, page = report
    assert quoted(page, "Short list:") == ["ApplesBreadCheese"]
    assert quoted(page, "Long list:") == ["ApplesBreadCheeseThe", "<sensitive>", "one"]
    assert "The &lt;sensitive&gt; one" in text
    # The two views stand before the question, turned round for half of them.
    assert quoted(page, "forward:")[:4] == ["Some", "are", "for", "it."]
    assert quoted(page, "reverse:")[:4] == ["Some", "are", "against", "it."]
    assert quoted(page, "Figures:") == ["In", "one", "year", "seven", "people."]
    assert quoted(page, "No information:") == ["nothing"]
    assert "anders" not in text


def test_the_report_says_which_answers_are_counted(report):
    text = report[1].text_content()
    assert "Counted are the answers “I am for it”." in text
    assert "Asked directly, the answers “Yes” count." in text
    assert "Counted are the answers “Yes”. Intervals hold one by one" in text


def test_thin_cells_are_named_and_not_shown(stored, report):
    # Nine Chinese men are left: their share would tell.
    is_man = (stored["country"] == "CN") & (stored["sex"] == "man")
    few = stored[~is_man | (is_man.cumsum() <= 9)].reset_index(drop=True)
    _, page = build(few)
    margins = table(page, "Margins: CN China")
    assert margins["Man"] == ["withheld", "48.0", "48.0"]
    assert margins["Woman"][0] == "withheld"
    assert table(page, "Weights by country")["CN China"][2] == "withheld"
    assert "stand for a cell of the margins in CN China." in page.text_content()
    assert "stand for a cell of the margins" not in report[1].text_content()


def test_what_is_imprecise_is_said_beside_the_headline(stored, report):
    sentence = "Too imprecise to conclude from: CN China, DE Germany, IT Italy (†)."
    assert sentence in build(stored[::8].reset_index(drop=True))[1].text_content()
    assert "conclude from" not in report[1].text_content().split("All answers")[0]


def test_only_a_report_of_an_internal_release_is_not_for_publication(stored, report):
    assert "Not for publication." in report[0]
    assert "Not for publication." not in build(stored, profile="scientific")[0]


def test_an_effective_number_is_never_above_the_number_of_respondents():
    # All women are for it, all men against: the margins tell the share exactly.
    stored = responses(60)
    stored["view"] = np.where(stored["sex"] == "woman", "for", "against")
    _, page = build(stored)
    for row in table(page, "Share <for>").values():
        assert float(row[4]) < 1
        assert int(row[5]) == int(row[2])


def test_the_disclosure_statement_is_completed_from_the_data(report):
    items = report[1].find(".//h2/../dl")
    said = [each.text_content() for each in items]
    assert said[said.index("Population") + 1] == "Adults"
    assert said[said.index("Probability sample") + 1].startswith("No: ")
    weeks = "Two weeks. In these data: 2026-W48 to 2026-W49."
    assert said[said.index("Dates") + 1] == weeks
    sizes = "No quotas. In these data: CN China 150, DE Germany 150, IT Italy 150."
    assert said[said.index("Sample sizes and precision") + 1] == sizes


def test_no_sampling_error_is_claimed_for_self_selected_respondents(report):
    text = report[1].text_content()
    assert "margin of error" not in text.lower()
    assert "Not a probability sample." in text


def test_responses_from_elsewhere_are_counted_and_left_out(report):
    text = report[1].text_content()
    assert "11 responses come from outside the compared countries" in text
    assert "Elsewhere" not in text


def test_every_chart_is_drawn_twice_and_has_a_table(report):
    page = report[1]
    figures = list(page.iter("figure"))
    assert len(figures) == 4
    for figure in figures:
        assert len(figure.xpath(".//*[local-name()='svg'][@role='img']")) == 2
    assert len(list(page.iter("table"))) > len(figures)


def test_the_same_release_gives_the_same_report(stored, report):
    assert build(stored)[0] == report[0]


def test_a_country_with_nine_respondents_is_not_shown(stored):
    few = stored[
        (stored["country"] != "DE") | (stored.groupby("country").cumcount() < 9)
    ]
    _, page = build(few.reset_index(drop=True))
    assert list(table(page, "Share <for>")) == ["CN China", "IT Italy"]
    assert "not shown: DE Germany" in page.text_content()


def test_a_question_that_nine_answered_is_withheld(stored):
    is_german = stored["country"] == "DE"
    few = stored.copy()
    few.loc[is_german & (is_german.cumsum() > 9), "view"] = "not_answered"
    few = few.replace("not_answered", "refused")
    _, page = build(few)
    row = table(page, "Share <for>")["DE Germany"]
    assert set(row) == {"withheld"}
    assert len(table(page, "Differences between countries")) == 1
    assert "“withheld”: fewer than 10 respondents" in page.text_content()


@pytest.mark.parametrize("part", ["sensitive", "arm_effect"])
def test_a_plan_may_lack_an_experiment(stored, part):
    plan = {**copy.deepcopy(PLAN), part: None}
    _, page = build(stored, report=plan)
    captions = " ".join(page.xpath("//caption/span/text()"))
    assert ("list experiment" in captions) == (part != "sensitive")
    assert ("by arm" in captions) == (part != "arm_effect")


def test_without_a_plan_the_report_describes(stored):
    _, page = build(stored, report=None)
    assert list(page.iter("figure")) == []
    assert len(table(page, "Weights by country")) == 3


def test_weights_that_cannot_be_fitted_are_said_on_top(stored):
    population = POPULATION.copy()
    population.loc[len(POPULATION)] = ["CN", "child", 9, "An office", 2020, "official"]
    _, page = build(stored, population=population)
    banner = page.find_class("banner")[1].text_content()
    assert banner.startswith("Nothing in this report is weighted: margin 'sex'")
    first = table(page, "Share <for>")["CN China"]
    assert first[0] == first[3]


def test_without_stored_codes_missing_answers_are_counted_together(stored):
    _, page = build(stored, coded=False)
    heads = [[cell.text for cell in row] for row in page.iterfind(".//thead/tr")]
    assert ["Country", "Respondents", "Answered", "No answer"] in heads


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            lambda frame: frame.drop(columns="view"),
            UnknownColumn,
            r"1 variables .*view",
        ),
        (lambda frame: frame.head(9), EstimationError, "none of 3 countries"),
    ],
)
def test_what_cannot_be_reported_is_refused(stored, change, error, message):
    with pytest.raises(error, match=message):
        build_report(package(), change(frame_of(stored)), POPULATION)


@pytest.fixture(scope="module")
def by_country():
    frame = pd.DataFrame(
        {"country": np.repeat(["CN", "DE", "IT"], 20), "yes": [0.0, 1.0, 1.0] * 20}
    )
    return mean(SurveyDesign(frame, strata="country"), "yes", by="country")


@pytest.mark.parametrize("synthetic", [True, False])
def test_a_comparison_is_a_page_of_its_own(by_country, synthetic):
    text = build_comparison(
        "A <file>",
        by_country,
        compare(by_country),
        synthetic=synthetic,
        self_selected=synthetic,
    )
    assert ("Not a probability sample" in text) == synthetic
    assert by_country.method in text
    page = html.fromstring(text)
    assert text.startswith("<!doctype html>")
    assert page.findtext(".//h1") == "A <file>"
    assert len(page.xpath("//*[local-name()='svg'][@role='img']")) == 1
    assert page.xpath("//@href | //@src | //script") == []
    rows = table(page, "Estimates")
    assert list(rows) == ["CN", "DE", "IT"]
    assert rows["CN"][0] == f"{by_country.values['CN']:.4g}"
    differences = compare(by_country)
    rows = table(page, "Differences")
    assert list(rows) == ["DE – CN", "IT – CN", "IT – DE"]
    assert rows["DE – CN"][-1] == p_value(differences.p_values["DE", "CN"])
    marked = [*page.iter("figcaption", "caption"), page.find("head/title")]
    assert len(marked) == 4
    assert all(("synthetic" in each.text_content()) == synthetic for each in marked)


def test_a_comparison_of_all_answers_has_no_chart_and_no_empty_words():
    frame = pd.DataFrame(
        {"country": ["CN"] * 4 + ["DE"] * 4, "view": ["a", "b"] * 3 + ["a", "a"]}
    )
    shares = proportion(SurveyDesign(frame, strata="country"), "view", by="country")
    page = html.fromstring(build_comparison("file", shares, compare(shares)))
    assert [*page.iter("figure")] == []
    assert next(iter(table(page, "Estimates"))) == "CN – a"
    assert "nan" not in page.text_content()


@pytest.mark.parametrize("counts", [[3, 40, 2], [9, 200, 30], [0, 5, 0], [1, 1, 1]])
def test_a_withheld_count_cannot_be_computed_from_the_sum(counts):
    shown = masked(counts)
    hidden = [cell for cell in shown if not cell.isdigit()]
    assert len(hidden) >= 2
    assert all(int(c) >= 10 or int(c) == 0 for c in shown if c.isdigit())
