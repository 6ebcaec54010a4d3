"""DDI-Codebook 2.5: the study, its files and its variables for data archives."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lxml import etree
from lxml.builder import ElementMaker

from ..codebook import Texts, Variable
from ..conditions import conditions_of, describe
from ..documents import CONTROL_CHARACTER
from ..languages import ENGLISH
from ..languages import language as language_of
from ..releases import RESPONSES, Release
from .coding import NUMERIC, counts_of, plain
from .notes import Notes
from .protection import describe_protection

NAMESPACE = "ddi:codebook:2_5"
LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"

_make = ElementMaker(namespace=NAMESPACE, nsmap={None: NAMESPACE})


def write_ddi(release: Release, path: Path, language: str, notes: Notes) -> None:  # noqa: ARG001
    """Write the codebook of a release as DDI-Codebook 2.5.

    Codes are those of the release itself; texts come in every language.

    Parameters
    ----------
    release : Release
    path : Path
    language : str
        Not needed: titles, labels, questions and who is asked come in every language,
        and what the study says of itself is English.
    notes : Notes
        Not needed: DDI holds everything.
    """
    facts = release.package["parallax"]
    universes = _universes(release)
    book = _make.codeBook(
        {"version": "2.5", LANGUAGE: "en"},
        _make.docDscr(_citation(release, f"Codebook: {release.package['title']}")),
        _study(release, facts),
        _file(release),
        _make.dataDscr(
            *(
                _variable(release, variable, universes.get(variable.name, {}), at)
                for at, variable in enumerate(release.variables, start=1)
            )
        ),
    )
    etree.ElementTree(book).write(
        path, encoding="UTF-8", xml_declaration=True, pretty_print=True
    )


def _citation(release: Release, title: str, *translated: Any) -> Any:
    facts = release.package["parallax"]
    return _make.citation(
        _make.titlStmt(
            _make.titl(title),
            *translated,
            _make.IDNo({"agency": "parallax"}, facts["files"][RESPONSES]),
        ),
        _make.rspStmt(_make.AuthEnty(facts["asked_by"])),
        _make.prodStmt(_make.software(facts["software"])),
        _make.verStmt(_make.version(facts["questionnaire_version"])),
    )


def _study(release: Release, facts: Mapping[str, Any]) -> Any:
    told = facts["disclosure"]
    synthetic = "Synthetic data: invented respondents. " * facts["synthetic"]
    weeks = zip(("start", "end"), facts["weeks"], strict=False)
    return _make.stdyDscr(
        _citation(
            release,
            release.package["title"],
            *(
                _make.parTitl({LANGUAGE: language}, questionnaire.title)
                for language, questionnaire in release.questionnaires.items()
                if language != "en"
            ),
        ),
        _make.stdyInfo(
            _make.abstract(f"{synthetic}{told['data_collection_strategy']}"),
            _make.sumDscr(
                *(_make.collDate({"event": event}, week) for event, week in weeks),
                *(
                    _make.nation({"abbr": code}, ENGLISH.countries([code]))
                    for code in facts["countries"]
                ),
                _make.anlyUnit("Person"),
                _make.universe(told["population"]),
                _make.dataKind("Survey data" + ", synthetic" * facts["synthetic"]),
            ),
        ),
        _make.method(
            _make.dataColl(
                _make.timeMeth("Cross-section"),
                _make.dataCollector(told["sponsor_and_conductor"]),
                _make.sampProc(told["sample_generation"]),
                _make.collMode(told["modes_and_languages"]),
                _make.resInstru(told["measurement_tools"]),
                _make.weight(told["weighting"]),
                _make.cleanOps(told["processing_and_quality"]),
            ),
            _make.notes(told["limitations"]),
            _make.anlyInfo(_make.EstSmpErr(told["sample_sizes_and_precision"])),
        ),
        _make.dataAccs(
            _make.useStmt(_make.conditions(" ".join(describe_protection(facts))))
        ),
    )


def _file(release: Release) -> Any:
    return _make.fileDscr(
        {"ID": "F1", "URI": RESPONSES},
        _make.fileTxt(
            _make.fileName(RESPONSES),
            _make.dimensns(
                _make.caseQnty(str(release.table.num_rows)),
                _make.varQnty(str(len(release.variables))),
            ),
            _make.fileType("Apache Parquet"),
        ),
    )


def _variable(release: Release, variable: Variable, universe: Texts, at: int) -> Any:
    counts = counts_of(release.cells(variable.name))
    n_missing = sum(counts.get(code, 0) for code in variable.missing_codes)
    is_number = variable.kind in NUMERIC
    about = {
        "ID": f"V{at}",
        "name": variable.name,
        "files": "F1",
        "intrvl": "contin" if variable.kind == "decimal" else "discrete",
    }
    if variable.kind in ("nominal", "ordinal"):
        about["nature"] = variable.kind
    if variable.role == "weight":
        about["wgt"] = "wgt"
    parts = [*_labels(variable.labels, "labl")]
    if variable.question:
        wordings = _labels(variable.question, "qstnLit")
        parts.append(_make.qstn({"ID": f"Q{at}"}, *wordings))
    if variable.missing_codes:
        items = ({"VALUE": code} for code in variable.missing_codes)
        parts.append(_make.invalrng(*map(_make.item, items)))
    parts += [
        *_labels(universe, "universe"),
        _make.sumStat({"type": "vald"}, str(release.table.num_rows - n_missing)),
        _make.sumStat({"type": "invd"}, str(n_missing)),
        *(
            _make.catgry(
                {"missing": "Y"} if value.missing else {},
                _make.catValu(value.name),
                *_labels(value.labels, "labl"),
                _make.catStat({"type": "freq"}, str(counts.get(value.name, 0))),
            )
            for value in variable.values
        ),
        _make.varFormat({"type": "numeric" if is_number else "character"}),
    ]
    return _make.var(about, *parts)


def _labels(texts: Texts, tag: str) -> Iterator[Any]:
    """One element per language; XML has no control characters."""
    for language, text in texts.items():
        words = CONTROL_CHARACTER.sub("", plain(text))
        yield _make(tag, {LANGUAGE: language}, words)


def _universes(release: Release) -> Mapping[str, Texts]:
    """Who is asked for each column that not all are asked for, in each language."""
    universes: dict[str, dict[str, str]] = {}
    for tag, questionnaire in release.questionnaires.items():
        words = language_of(tag)
        for column, conditions in conditions_of(questionnaire).items():
            said = [
                words.text(
                    "Only if {condition}.",
                    condition=describe(each, questionnaire, language=words),
                )
                for each in conditions
            ]
            if said and words.is_translated:
                universes.setdefault(column, {})[tag] = " ".join(said)
    return universes
