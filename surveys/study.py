"""What a survey declares about itself: who asks, where, how it is protected."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from .questionnaire import ChoiceName, Frozen, Name

Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]

Recoding = Mapping[ChoiceName, Annotated[tuple[ChoiceName, ...], Field(min_length=1)]]
"""The choices that become one, by the name they get."""

Width = Annotated[float, Field(allow_inf_nan=False)]
"""Of the bands in which numbers are published."""


class Headline(Frozen):
    """The comparison the report opens with: a share of the answers to a question."""

    outcome: Name
    share_of: tuple[Name, ...] = Field(min_length=1)
    label: str


class DirectAndList(Frozen):
    """A direct question and the list experiment about the same attitude."""

    direct: Name
    share_of: tuple[Name, ...] = Field(min_length=1)
    count: Name


class ArmEffect(Frozen):
    """An outcome compared between the arms of an experiment."""

    experiment: Name
    reference: Name
    outcome: Name
    share_of: tuple[Name, ...] = Field(min_length=1)


class ReportPlan(Frozen):
    """What the report compares; variables and choices are the questionnaire's."""

    headline: Headline
    chart: Name
    sensitive: DirectAndList | None = None
    arm_effect: ArmEffect | None = None


class Disclosure(Frozen):
    """The items the AAPOR Code (2021, III.A) asks for with any published result."""

    data_collection_strategy: str
    sponsor_and_conductor: str
    measurement_tools: str
    population: str
    sample_generation: str
    probability_sample: bool
    modes_and_languages: str
    dates: str
    sample_sizes_and_precision: str
    weighting: str
    processing_and_quality: str
    limitations: str


class Study(Frozen):
    """The content of ``study.yaml``.

    ``asked_by``, ``purpose``, ``contact``, ``data_location``, ``risk`` and
    ``debrief`` are shown to respondents and are translated like questions.
    """

    version: str
    asked_by: str
    purpose: str
    contact: str
    data_location: str
    risk: str
    debrief: str
    minutes: int = Field(gt=0, le=120)
    tier: Literal["T0", "T1"]
    countries: tuple[Country, ...] = Field(min_length=1)
    approval_required: tuple[Country, ...] = ("CN",)
    withdrawal_weeks: int = Field(gt=0)
    retention_months: int = Field(gt=0)
    margins: tuple[tuple[Name, ...], ...] = ()
    quasi_identifiers: tuple[Name, ...] = ()
    recodings: Mapping[
        Name,
        Annotated[
            Annotated[Recoding, Tag("merged")]
            | Annotated[Width, Tag("width of bands")],
            Discriminator(
                lambda one: "merged" if isinstance(one, Mapping) else "width of bands"
            ),
        ],
    ] = {}
    sensitive: tuple[Name, ...] = ()
    labels: Mapping[Name, str] = {}
    report: ReportPlan | None = None
    disclosure: Disclosure


RESPONDENT_TEXTS = (
    "asked_by",
    "purpose",
    "contact",
    "data_location",
    "risk",
    "debrief",
)
"""The fields of `Study` that respondents read."""
