"""Several versions of one questionnaire in one release."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import pandas as pd

from .codebook import MISSING_CODES, Value, Variable, codebook
from .errors import ReleaseError
from .survey import Survey

_NOT_ASKED = Value("not_asked", {"en": MISSING_CODES["not_asked"]}, missing=True)

_NOTHING: Mapping[str, str] = MappingProxyType({})


def incompatibilities(
    old: Survey,
    new: Survey,
    *,
    renamed: Mapping[str, str] = _NOTHING,
    accepted: Collection[str] = (),
) -> list[str]:
    """Say why answers to two versions cannot stand in the same columns.

    Variables may come and go, and so may choices of a question without an order, arms
    and translations. A variable is another one when its kind, its scale, its English
    wording or what chance showed for it changed.

    Parameters
    ----------
    old, new
        Two versions of one survey.
    renamed
        New names of variables by their old names.
    accepted
        New names of variables whose changes in wording do not change the meaning, in
        the judgement of the researcher.

    Returns
    -------
    list of str
        Empty where the versions fit together.

    Examples
    --------
    >>> from importlib.resources import files
    >>> from surveys import load
    >>> survey = load(files("surveys") / "definitions" / "social_credit")
    >>> incompatibilities(survey, survey, renamed={"age": "age_group"})
    ['age: the older version has no variable of this name to rename']
    """
    before = {variable.name: variable for variable in codebook(old)}
    after = {variable.name: variable for variable in codebook(new)}
    found = []
    for name, other in renamed.items():
        if name not in before:
            what = "the older version has no variable of this name to rename"
            found.append(f"{name}: {what}")
        elif other not in after:
            found.append(f"{name}: the newer version has no variable {other}")
        elif other in before and renamed.get(other, other) == other:
            found.append(f"{name}: the older version has a variable {other} as well")
        else:
            before[other] = replace(before.pop(name), name=other)
    for name in before.keys() & after.keys():
        changes = _changes(before[name], after[name], is_accepted=name in accepted)
        found += [f"{name}: {what}" for what in changes]
    return sorted(found)


def merge(
    versions: Sequence[tuple[Survey, pd.DataFrame]],
    *,
    renamed: Mapping[str, str] = _NOTHING,
    accepted: Collection[str] = (),
) -> tuple[pd.DataFrame, tuple[Variable, ...]]:
    """Put the responses to several versions into the columns of one release.

    Parameters
    ----------
    versions
        Each version with its responses, coded by `responses_to_frame`; the newest last.
    renamed, accepted
        As for `incompatibilities`. A name that a version does not know is passed over,
        so that one mapping serves all; one that no version knows is an error.

    Returns
    -------
    responses, variables
        For `write_release`. Where a version did not ask a question its respondents are
        ``not_asked``; the column ``questionnaire_version`` tells them apart. Columns
        and texts are those of the newest version, then what only older ones had.

    Raises
    ------
    ReleaseError
        With every incompatible change, if there is one.
    """
    newest = versions[-1][0]
    merged = {variable.name: variable for variable in codebook(newest)}
    problems, frames, unused = [], [], {*renamed}
    for survey, frame in versions:
        own = {variable.name: variable for variable in codebook(survey)}
        names = {old: name for old, name in renamed.items() if old in own}
        names = {} if survey.version == newest.version else names
        unused -= {*names}
        problems += [
            f"version {survey.version[:12]}: {what}"
            for what in incompatibilities(
                survey, newest, renamed=names, accepted=accepted
            )
        ]
        frames.append(frame.rename(columns=names))
        for variable in own.values():
            name = names.get(variable.name, variable.name)
            known = merged.get(name)
            merged[name] = _joined(known, variable) if known else variable
    problems += [f"{name}: no older version has it" for name in sorted(unused)]
    problems += [
        f"{name}: no version has it" for name in sorted({*accepted} - {*merged})
    ]
    if problems:
        raise ReleaseError(
            f"{len(problems)} changes between the versions of the questionnaire are"
            " incompatible; rename or accept them, or release each version by itself:"
            + "".join(f"\n- {what}" for what in problems)
        )
    for name, variable in merged.items():
        asked_by_all = all(name in frame.columns for frame in frames)
        if not asked_by_all and "not_asked" not in variable.missing_codes:
            merged[name] = replace(variable, values=(*variable.values, _NOT_ASKED))
    responses = pd.concat(
        [
            frame.reindex(columns=list(merged), fill_value="not_asked")
            for frame in frames
        ]
    )
    responses = responses.sort_values("response_id", ignore_index=True)
    return responses, tuple(merged.values())


def _changes(old: Variable, new: Variable, *, is_accepted: bool) -> Iterator[str]:
    if old.kind != new.kind:
        yield f"was {old.kind} and is {new.kind}"
        return
    before = {value.name: value for value in old.values}
    after = {value.name: value for value in new.values}
    for name in before.keys() & after.keys():
        if before[name].missing != after[name].missing:
            yield f"{name} is a missing code in one version and an answer in the other"
        elif before[name].shown != after[name].shown and (
            _english(before[name].shown) != _english(after[name].shown)
        ):
            yield f"respondents with {name} were shown something else"
        elif _differs(before[name].labels, after[name].labels) and not is_accepted:
            yield (
                f"the choice {name} was worded {before[name].labels['en']!r} and is"
                f" worded {after[name].labels['en']!r}"
            )
    if new.kind == "ordinal":
        scales = [
            [value.name for value in variable.values if not value.missing]
            for variable in (old, new)
        ]
        if scales[0] != scales[1]:
            yield f"the scale was {', '.join(scales[0])} and is {', '.join(scales[1])}"
    if _differs(old.question, new.question) and not is_accepted:
        yield (
            f"the question was worded {old.question.get('en', '')!r} and is worded"
            f" {new.question.get('en', '')!r}"
        )


def _joined(known: Variable, other: Variable) -> Variable:
    """Add the values that only another version has, before the missing codes."""
    codes = {value.name for value in known.values}
    added = tuple(value for value in other.values if value.name not in codes)
    values = (*known.values, *added)
    return replace(known, values=tuple(sorted(values, key=lambda value: value.missing)))


def _differs(old: Mapping[str, str], new: Mapping[str, str]) -> bool:
    """Whether the English differs in more than spaces."""
    return old.get("en", "").split() != new.get("en", "").split()


def _english(shown: Sequence[Mapping[str, str]]) -> list[str]:
    return [text["en"] for text in shown]
