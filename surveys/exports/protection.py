"""How a release protects its respondents, in words."""

from collections.abc import Iterator, Mapping
from typing import Any

from ..languages import ENGLISH, Language


def describe_protection(
    facts: Mapping[str, Any], language: Language = ENGLISH
) -> Iterator[str]:
    """Say what the profile of a release asks for and what it achieved.

    Parameters
    ----------
    facts : mapping
        The ``parallax`` block of ``datapackage.json``.
    language : Language

    Yields
    ------
    str
        Sentences. What k and l mean is said, also where they are 0 because nothing
        identifies, nothing is sensitive, or nobody answered.

    Examples
    --------
    >>> facts = {"profile": "scientific", "k": 5, "l": 0, "n_responses": 90}
    >>> facts |= {"quasi_identifiers": ["age_group"], "sensitive": []}
    >>> print(" ".join(describe_protection(facts)))
    Profile scientific. Whoever is known by these variables looks like at least 4
    others (k=5): age_group. No variable is declared sensitive.
    """
    text, code = language.text, language.code
    k, l = facts["k"], facts["l"]  # noqa: E741, the names of the measures
    known = {
        "measure": code(f"k={k}"),
        "variables": code(", ".join(facts["quasi_identifiers"])),
    }
    yield text("Profile {profile}.", profile=code(facts["profile"]))
    if facts["profile"] == "internal":
        yield text(
            "The responses are not protected: keep what is counted from them where they"
            " are kept."
        )
    if not facts["n_responses"]:
        yield text("There are no responses.")
        return
    if not facts["quasi_identifiers"]:
        yield text("No variable is declared to identify anybody.")
    elif k > 1:
        yield text(
            "Whoever is known by these variables looks like at least {others} others"
            " ({measure}): {variables}.",
            others=language.number(k - 1),
            **known,
        )
    else:
        yield text(
            "Somebody known by these variables may be recognised ({measure}):"
            " {variables}.",
            **known,
        )
    measure = code(f"l={l}")
    if not facts["sensitive"]:
        yield text("No variable is declared sensitive.")
    elif l > 1:
        yield text(
            "Those who look alike gave at least {l} different answers to each sensitive"
            " question ({measure}).",
            l=language.number(l),
            measure=measure,
        )
    elif l == 1:
        yield text(
            "All who look alike may have given the same answer to a sensitive question"
            " ({measure}).",
            measure=measure,
        )
    else:
        yield text("Nobody answered the sensitive questions.")
