"""The information that respondents read before they agree, and what they agree to."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

from surveys.study import Study

from .languages import Language
from .wording import plain

REQUIRED = ("consent_participate", "consent_adult", "consent_opinions")
OPTIONAL = ("consent_publication",)


@dataclass(frozen=True)
class Section:
    """A heading and its paragraphs, in an author's Markdown."""

    heading: str
    paragraphs: tuple[str, ...]


@dataclass(frozen=True)
class Consent:
    """The whole text in one language: sections, then boxes to tick by control name."""

    version: str
    language: str
    sections: tuple[Section, ...]
    boxes: dict[str, str]

    @property
    def lines(self) -> Iterator[str]:
        """Every line that a respondent reads, in order, without the page round it."""
        for section in self.sections:
            yield section.heading
            for paragraph in section.paragraphs:
                yield from plain(paragraph).splitlines()
        yield from self.boxes.values()

    @property
    def hash(self) -> str:
        """SHA-256 of the lines: which words a respondent agreed to."""
        return sha256("\n".join(self.lines).encode()).hexdigest()


TIERS = {
    "T0": (
        "This survey has an open link (protection level T0). Everyone who has the link"
        " can answer. We do not know who was invited and who has answered.",
    ),
    "T1": (
        "This survey asks for an access code (protection level T1). We keep the codes"
        " only in scrambled form. Once your answers are mixed with those of other"
        " people, nothing shows which code they came with.",
        "Those who sent you the code know that you got it. They could find your answers"
        " only together with us, and only before the answers are mixed.",
    ),
}
"""What each tier of unlinkability promises, and what it does not."""


def write_consent(study: Study, language: Language) -> Consent:
    """Write the consent text of a survey: it holds nothing that changes in the field.

    Parameters
    ----------
    study : Study
        In the same language.
    language : Language
        Of the sentences that are the same in every survey.
    """
    text = language.text
    sections = (
        (text("Who is asking"), study.asked_by),
        (text("What it is for"), study.purpose),
        (
            text("It is your choice"),
            text(
                "Taking part is voluntary. You can skip any question and stop at any"
                " time. If you stop before you send your answers, we keep nothing."
            ),
            text(
                "Answering takes about {minutes} minutes. You can take a break: “Save"
                " and continue later” keeps your answers for up to 14 days, locked"
                " with a code that only you have.",
                minutes=study.minutes,
            ),
        ),
        (
            text("What we keep, and what we do not"),
            text(
                "We keep your answers, the week in which you sent them, the language"
                " you used and what you agree to below. We also count how many people"
                " see each page."
            ),
            text(
                "We do not record who you are: no name, no internet address, no"
                " details of your device and no exact time."
            ),
            *map(text, TIERS[study.tier]),
        ),
        (
            text("What we cannot protect you from"),
            study.risk,
            text(
                "Those who run your network, such as your employer or your internet"
                " provider, can see that you opened this site. A person who uses your"
                " device after you may see it in the list of visited pages and may"
                " find traces of your answers. A private window of your browser leaves"
                " fewer traces."
            ),
        ),
        (
            text("If you change your mind"),
            text(
                "When you send your answers you can ask for a withdrawal code. Without"
                " it we cannot find your answers, because we do not know which ones"
                " are yours."
            ),
            language.count(
                "With the code you can have your answers deleted for one week after"
                " you send them. Results that have been published by then stay"
                " published.",
                "With the code you can have your answers deleted for {number} weeks"
                " after you send them. Results that have been published by then stay"
                " published.",
                study.withdrawal_weeks,
            ),
        ),
        (
            text("Where your answers go"),
            study.data_location,
            text(
                "We delete the individual answers at the latest {months} months after"
                " the survey has ended.",
                months=study.retention_months,
            ),
        ),
        (
            text("Questions, rights and complaints"),
            study.contact,
            text(
                "You have the right to see what we keep about you, and to have it"
                " corrected or deleted. As we do not know which answers are yours, we"
                " need your withdrawal code for that. You can also complain to the"
                " data protection authority of your country."
            ),
        ),
    )
    return Consent(
        version=study.version,
        language=language.tag,
        sections=tuple(Section(heading, tuple(rest)) for heading, *rest in sections),
        boxes={
            "consent_participate": text(
                "I have read this information and I want to take part."
            ),
            "consent_adult": text("I am 18 years old or older."),
            "consent_opinions": text(
                "I agree that my answers are used for this research. They can show my"
                " political opinions or other sensitive things about me."
            ),
            "consent_publication": text(
                "My answers may also be published, together with those of others and"
                " without anything that shows who I am. You can take part without"
                " ticking this box."
            ),
        },
    )
