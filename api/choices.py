"""What a researcher chooses to have compared: everything is in a link."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field

from .errors import ChoiceRefused

Code = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
Word = Annotated[str, Field(pattern=r"^\w{1,64}$")]


class Choices(BaseModel):
    """The choices of a comparison of countries.

    Parameters
    ----------
    release : str
        Name of a release of the survey.
    outcome : str
        The question: a nominal, ordinal or numeric variable.
    answer : tuple of str
        Answers whose share is compared; none compares each answer, or the mean.
    country : tuple of str
        Countries that are compared; none takes all.
    reference : str
        Compare all with this one only.
    weights : {"population", "none"}
        Weights fitted to the survey's population margins, or none.
    interval : str
        How intervals of shares are made.
    level : float
    adjust : {"holm", "bh", "none"}
        Adjustment of the p-values for several comparisons.

    Examples
    --------
    >>> Choices(release="1-open", outcome="side", country=("DE", "CN")).query
    'release=1-open&outcome=side&country=CN&country=DE'
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    release: Annotated[str, Field(pattern=r"^[0-9]{1,9}-[a-z]{1,20}$")]
    outcome: Word
    answer: tuple[Word, ...] = ()
    country: tuple[Code, ...] = ()
    reference: Code | Literal[""] = ""
    weights: Literal["population", "none"] = "population"
    interval: Literal["logit", "wilson", "korn-graubard", "beta"] = "logit"
    level: Annotated[float, Field(ge=0.5, le=0.999)] = 0.95
    adjust: Literal["holm", "bh", "none"] = "holm"

    def model_post_init(self, _: object) -> None:
        """Give the same choices in another order the same link."""
        for name in ("answer", "country"):
            object.__setattr__(self, name, tuple(sorted(set(getattr(self, name)))))

    @property
    def query(self) -> str:
        """The choices as they stand in a permanent link."""
        return urlencode(self.model_dump(exclude_defaults=True), doseq=True)

    @property
    def is_refined(self) -> bool:
        """Whether more was chosen than release, question, answers and countries."""
        chosen = self.model_dump(exclude_defaults=True)
        return bool(set(chosen) - {"release", "outcome", "answer", "country"})


def offered(fields: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """List the questions of a release that countries can be compared on.

    A list experiment is none: its count says nothing without the two groups, and the
    report has its estimate.

    Parameters
    ----------
    fields : mapping
        The description of each variable, as in the release's ``datapackage.json``.

    Returns
    -------
    dict
        The title of each variable, by its name.
    """
    return {
        name: str(field["title"])
        for name, field in fields.items()
        if field["parallax"]["kind"] in {"nominal", "ordinal", "integer", "decimal"}
        and field["parallax"]["role"] not in {"record", "assignment", "weight"}
        and name != "country"
    }


def answers_of(field: Mapping[str, Any]) -> dict[str, str]:
    """List the answers whose shares can be compared, with their labels.

    A number has none, also one that is 1 where a box was ticked: its mean is compared.
    """
    if field["parallax"]["kind"] not in {"nominal", "ordinal"}:
        return {}
    return {str(each["value"]): str(each["label"]) for each in field["categories"]}


def check(choices: Choices, fields: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse choices that a release does not offer.

    Raises
    ------
    ChoiceRefused
    """
    if "country" not in fields:
        raise ChoiceRefused("the release has no countries to compare")
    if choices.outcome not in offered(fields):
        raise ChoiceRefused(
            "the release has no such question; its datapackage.json names all"
        )
    wanted = {
        choices.outcome: choices.answer,
        "country": (*choices.country, *filter(None, [choices.reference])),
    }
    for variable, values in wanted.items():
        unknown = len(set(values) - set(answers_of(fields[variable])))
        if unknown:
            raise ChoiceRefused(
                f"{unknown} of {len(values)} values are not among those of {variable}"
            )
    if choices.reference and choices.reference not in (
        choices.country or [choices.reference]
    ):
        raise ChoiceRefused("the reference is not among the countries")
