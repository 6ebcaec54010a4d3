import inspect
import random
from collections import Counter
from itertools import permutations, product

import pytest

from surveys import experiments
from surveys.experiments import (
    choices_of,
    draw_assignment,
    draws_of,
    items_of,
    pages_of,
)

SURVEY = """
title: Chance
experiments:
  - {name: arm, label: Arm, arms: [{name: a, label: A}, {name: b, label: B}]}
choices:
  abc:
    - {name: dk, label: Don't know, missing: dont_know}
    - {name: a, label: A, columns: {country: DE}}
    - {name: b, label: B, columns: {country: GB}}
    - {name: c, label: C, columns: {country: GB}}
pages:
  - name: start
    questions:
      - {type: select_one abc, name: mixed, label: M, parameters: randomize=true}
  - name: left
    shuffle: side
    questions:
      - {type: likert abc, name: turned, label: T, parameters: randomize=reverse}
  - name: right
    shuffle: side
    questions:
      - type: list_experiment
        name: things
        label: How many?
        items:
          - {name: one, label: "1"}
          - {name: two, label: "2"}
          - {name: three, label: "3"}
          - {name: secret, label: S, sensitive: true}
  - name: end
    questions:
      - type: select_one abc
        name: plain
        label: P
        choice_filter: country = ${mixed}
      - type: battery abc
        name: set
        label: S
        parameters: randomize=true
        items: [{name: "1", label: One}, {name: "2", label: Two}]
"""


class Scripted(random.Random):
    """Plays through every outcome of every choice, one run after the other."""

    def __init__(self, script):
        super().__init__(0)
        self.script = script

    def choice(self, options):
        return options[self.script.pop(0)]

    def sample(self, options, k):
        assert k == len(options)
        return list(permutations(options))[self.script.pop(0)]


@pytest.fixture
def questionnaire(make_survey):
    return make_survey(SURVEY).questionnaire


def question(questionnaire, name):
    return next(each for each in questionnaire.questions if each.name == name)


def names(options):
    return [option.name for option in options]


def test_everything_decided_by_chance_is_declared(questionnaire):
    assert [(draw.name, draw.options) for draw in draws_of(questionnaire)] == [
        ("arm", ("a", "b")),
        ("side_order", ("left", "right")),
        ("mixed_order", ("a", "b", "c")),
        ("turned_order", ("forward", "reverse")),
        ("things_group", ("control", "treatment")),
        ("things_order", ("one", "two", "three", "secret")),
        ("set_order", ("1", "2")),
    ]


def test_every_outcome_comes_once_when_every_choice_is_played(questionnaire):
    # Uniform choices, as the operating system's are, make uniform assignments.
    counts = [2, 2, 6, 2, 2, 24, 2]
    outcomes = Counter(
        tuple(draw_assignment(questionnaire, Scripted(list(script))).items())
        for script in product(*map(range, counts))
    )
    assert len(outcomes) == 2 * 2 * 6 * 2 * 2 * 24 * 2
    assert set(outcomes.values()) == {1}


def test_chance_comes_from_the_operating_system_and_not_from_the_clock(questionnaire):
    default = inspect.signature(draw_assignment).parameters["choose"].default
    assert isinstance(default, random.SystemRandom)
    assert "import time" not in inspect.getsource(experiments)
    random.seed(1)
    first = [draw_assignment(questionnaire) for _ in range(10)]
    random.seed(1)
    assert first != [draw_assignment(questionnaire) for _ in range(10)]


def test_pages_choices_and_items_come_as_drawn(questionnaire):
    drawn = {
        "side_order": "right left",
        "mixed_order": "c a b",
        "turned_order": "reverse",
        "things_group": "treatment",
        "things_order": "secret three two one",
        "set_order": "2 1",
    }
    assert names(pages_of(questionnaire, drawn)) == ["start", "right", "left", "end"]
    mixed, turned = question(questionnaire, "mixed"), question(questionnaire, "turned")
    assert names(choices_of(questionnaire, mixed, drawn)) == ["c", "a", "b", "dk"]
    assert names(choices_of(questionnaire, turned, drawn)) == ["c", "b", "a", "dk"]
    things = question(questionnaire, "things")
    assert names(items_of(things, drawn)) == ["secret", "three", "two", "one"]
    control = {**drawn, "things_group": "control"}
    assert names(items_of(things, control)) == ["three", "two", "one"]
    assert names(items_of(question(questionnaire, "set"), drawn)) == ["2", "1"]


@pytest.mark.parametrize(
    ("answer", "offered"),
    [("DE", ["a", "dk"]), ("GB", ["b", "c", "dk"]), (None, ["dk"])],
)
def test_a_filter_leaves_choices_and_always_the_missing_ones(
    questionnaire, answer, offered
):
    plain = question(questionnaire, "plain")
    assert names(choices_of(questionnaire, plain, {"mixed": answer})) == offered
