"""Model matrices from formulas: distinct rows only, missing answers counted."""

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.columns import NUMERIC, Groups, Where
from analysis.design import SurveyDesign
from analysis.errors import EstimationError, first_few
from analysis.totals import Codes, Floats, sums

ANSI = re.compile(r"\x1b\[[0-9;]*m|[⧛⧚]")
QUOTED = re.compile("`([^`]*)`")

CHUNK_ROWS = 2**16
"""Rows handed to formulaic at once."""


@dataclass(frozen=True, eq=False)
class ModelMatrix:
    """What a formula makes of the respondents.

    Respondents who answered alike share a row, so that a survey of millions on
    categorical questions is fitted from a few hundred rows.

    Attributes
    ----------
    formula, response : str
    codes : integers, shape (n_respondents,)
        Row of each respondent; -1 for those outside or with something missing.
    first : integers, shape (n_rows,)
        A respondent of each row.
    variables : DataFrame, shape (n_rows, n_variables)
        What the right side is made from.
    matrix : floats, shape (n_rows, n_columns)
    names : list of str
        Of the columns.
    terms : dict of str to slice
        Columns of each term.
    missing : Series
        Respondents without an answer, by variable.
    spec : formulaic.ModelSpec
    kept : integers, shape (n_columns,)
        Columns of the spec that are used.
    """

    formula: str
    response: str
    codes: Codes
    first: Codes
    variables: pd.DataFrame
    matrix: Floats
    names: list[str]
    terms: Mapping[str, slice]
    missing: pd.Series
    spec: Any
    kept: Codes

    def columns(self, variables: pd.DataFrame) -> Floats:
        """Model matrix of other values of the variables, shape (n_rows, n_columns)."""
        matrix = _evaluate(self.spec, variables, self.formula)
        return matrix if len(self.kept) == matrix.shape[1] else matrix[:, self.kept]

    def takes_as_category(self, variable: str) -> bool:
        """Whether the formula sees categories in a variable, as in ``C(wave)``."""
        if isinstance(self.variables[variable].dtype, pd.CategoricalDtype):
            return True
        return any(
            kind.value == "categorical" and variable in _names_in(factor)
            for factor, (kind, _) in self.spec.encoder_state.items()
            if factor not in self.variables
        )

    def without(self, term: str) -> "ModelMatrix":
        """Leave out the columns of a term, but none of the respondents."""
        gone = self.terms[term]
        width = gone.stop - gone.start
        terms = {
            name: slice(at.start - width, at.stop - width)
            if at.start > gone.start
            else at
            for name, at in self.terms.items()
            if name != term
        }
        return replace(
            self,
            matrix=np.delete(self.matrix, gone, axis=1),
            names=self.names[: gone.start] + self.names[gone.stop :],
            terms=terms,
            kept=np.delete(self.kept, gone),
        )

    def row_weights(self, weights: Floats) -> Floats:
        """Sum of the respondents' weights in each row."""
        return sums(self.codes, weights, len(self.matrix))


def read_formula(
    design: SurveyDesign, formula: str, where: Where = None, *, linear: bool = False
) -> tuple[SurveyDesign, ModelMatrix]:
    """Read a formula such as ``"trust ~ age + C(country)"`` on a design.

    Text and categorical columns become indicators of every category that occurs among
    the respondents used, but the first, which is the reference; another one is taken
    with ``C(country, contr.treatment("DE"))``. Formulas run in ``formulaic``, which
    evaluates Python: never pass one that a stranger wrote.

    ``linear`` models need no more of a column than its first and second moments, which
    a design may hold instead of its values; without clusters, only of the answer.

    Returns
    -------
    design : SurveyDesign
        The same, or one on the totals of its table; see ``SurveyDesign.holding``.
    matrix : ModelMatrix
        Of the rows of that design.

    Raises
    ------
    UnknownColumn
    EstimationError
        If the formula cannot be read, nobody answered everything, or a variable has
        one category only.
    """
    left, right, factors = _parse(formula, design.frame.columns)
    names = sorted(set[str]().union(*factors.values(), right.required_variables))
    _check_functions(names, factors, design.frame.columns)
    design = design.holding(left, names, where)
    matter = names if linear else [left, *names]
    if linear and design.clusters is not None:
        matter = _curved(right, factors, design.moments)
    design.check_values(matter)
    columns = {name: _read(design, name) for name in [left, *names]}
    inside = design.domain(where)
    kept = np.ones(len(design.frame), dtype=bool) if inside is None else inside.copy()
    asked, missing = _count(design, kept), {}
    for name, column in columns.items():
        unknown = (
            np.isnan(column) if isinstance(column, np.ndarray) else column.codes < 0
        )
        missing[name] = _count(design, unknown if inside is None else unknown & inside)
        kept &= ~unknown
    if not kept.any():
        counts = ", ".join(f"{name!r} missing for {n}" for name, n in missing.items())
        raise EstimationError(
            f"{formula!r}: none of {asked} respondents answered every question "
            f"({counts}); check the columns" + ("" if where is None else " and where")
        )
    codes, first = _distinct_rows(list(columns.values()), kept)
    variables = _values({name: columns[name] for name in names}, first)
    for name in names:
        if variables[name].dtype == "category" and variables[name].nunique() < 2:
            raise EstimationError(
                f"{name!r} is {variables[name].iloc[0]} for all respondents used and "
                f"explains nothing; leave it out of {formula!r}"
            )
    matrix, spec = _build(right, variables, formula)
    if spec.transform_state:  # such as center(age): it looks at all respondents
        _check_counts(design, formula, spec)
        codes, first = _number(kept), np.flatnonzero(kept)
        variables = _values({name: columns[name] for name in names}, first)
        matrix, spec = _build(right, variables, formula)
    _check_rows(matrix, spec, variables, formula)
    return design, ModelMatrix(
        formula=formula,
        response=left,
        codes=codes,
        first=first,
        variables=variables,
        matrix=matrix,
        names=list(spec.column_names),
        terms={
            "Intercept" if str(term) == "1" else str(term): columns
            for term, columns in spec.term_slices.items()
        },
        missing=pd.Series(missing, name="missing"),
        spec=spec,
        kept=np.arange(len(spec.column_names)),
    )


def _count(design: SurveyDesign, chosen: npt.NDArray[np.bool_]) -> int:
    """Respondents behind the chosen rows."""
    counts = design.sample.counts
    return int(chosen.sum()) if counts is None else round(counts[chosen].sum())


def _parse(formula: str, columns: pd.Index) -> tuple[str, Any, dict[Any, set[str]]]:
    """Name of the response, the right side, and the columns inside its expressions."""
    # Imported here: it takes a third of a second, and only models need it.
    from formulaic import Formula
    from formulaic.errors import FormulaicError

    try:
        parsed = Formula(formula)
        left = [str(term) for term in getattr(parsed, "lhs", ())]
        # formulaic does not see what its own transformations, such as center(), take.
        factors = {
            factor: _names_in(factor.expr) & set(columns)
            if factor.eval_method.value == "python"
            else set[str]()
            for term in getattr(parsed, "rhs", ())
            for factor in term.factors
        }
    except (FormulaicError, SyntaxError, AttributeError) as error:
        why = ANSI.sub("", str(error)).split("\n")[0].split(". ")[0]
        if isinstance(error, AttributeError):
            why = "it has several parts"
        raise EstimationError(
            f"formula {formula!r} cannot be read ({why}); terms are columns, a:b, a*b, "
            "C(wave) for numbers that are categories, or functions such as np.log(age)"
        ) from None
    if len(left) != 1 or set(left) != parsed.lhs.required_variables:
        raise EstimationError(
            f"formula {formula!r} needs one column before the ~, such as "
            "'trust ~ age + country'; make a column of it first if it is computed"
        )
    return left[0], parsed.rhs, factors


def _check_functions(
    names: Sequence[str], factors: Mapping[Any, set[str]], columns: pd.Index
) -> None:
    """Refuse functions that there are not, which formulaic takes for columns."""
    for name in names:
        called = any(f"{name}(" in factor.expr for factor in factors)
        if called and name not in columns:
            raise EstimationError(
                f"formulas have no function {name}(); C(wave) takes numbers as "
                "categories, np.log(age) and the like compute, the rest is a column to "
                "be made first"
            )


def _names_in(expression: str) -> set[str]:
    """Names in Python that quotes unusual ones with backticks."""
    plain = QUOTED.sub("None", expression)
    nodes = ast.walk(ast.parse(plain, mode="eval"))
    return {node.id for node in nodes if isinstance(node, ast.Name)} | {
        *QUOTED.findall(expression)
    }


def _curved(
    right: Any, factors: Mapping[Any, set[str]], moments: Sequence[str]
) -> list[str]:
    """Columns that enter by more than a multiple of themselves."""
    products = [
        {factor.expr for factor in term.factors} & set(moments) for term in right
    ]
    return sorted(
        set[str]().union(*factors.values(), *(p for p in products if len(p) > 1))
    )


def _build(right: Any, variables: pd.DataFrame, formula: str) -> tuple[Floats, Any]:
    """Model matrix, and the specification that makes others like it."""
    from formulaic import model_matrix
    from formulaic.errors import FormulaicError

    def make(rows: pd.DataFrame) -> Any:
        options = {"context": {}, "na_action": "ignore", "output": "numpy"}
        try:
            with np.errstate(all="ignore"):
                return model_matrix(right, rows, **options)
        except FormulaicError as error:
            raise EstimationError(
                f"formula {formula!r} cannot be computed: {error}"
            ) from None

    made = make(variables.iloc[:CHUNK_ROWS])
    spec = made.model_spec
    if len(made) == len(variables):
        return _checked(np.asarray(made, dtype=float), spec, formula), spec
    # center(age) and C(age) have to see all values; categories are known beforehand.
    computed = any(
        kind.value == "categorical" and name not in variables
        for name, (kind, _) in spec.encoder_state.items()
    )
    if spec.transform_state or computed:
        spec = make(variables).model_spec
    return _evaluate(spec, variables, formula), spec


def _evaluate(spec: Any, variables: pd.DataFrame, formula: str) -> Floats:
    """Model matrix, made in pieces, for formulaic needs several times their size."""
    matrix = np.empty((len(variables), len(spec.column_names)))
    with np.errstate(all="ignore"):
        for first in range(0, len(variables), CHUNK_ROWS):
            rows = variables.iloc[first : first + CHUNK_ROWS]
            matrix[first : first + CHUNK_ROWS] = spec.get_model_matrix(rows, context={})
    return _checked(matrix, spec, formula)


def _checked(matrix: Floats, spec: Any, formula: str) -> Floats:
    """Return the model matrix if its numbers are finite."""
    finite = np.isfinite(matrix.sum(axis=0))
    if not finite.all():
        wrong = np.array(spec.column_names)[~finite]
        raise EstimationError(
            f"formula {formula!r}: {first_few(wrong)} is not finite for some "
            "respondents (a logarithm of 0?); set those values to missing"
        )
    return matrix


def _check_rows(
    matrix: Floats, spec: Any, variables: pd.DataFrame, formula: str
) -> None:
    """Refuse formulas whose rows depend on which other rows there are."""
    some = np.arange(1, len(matrix), len(matrix) // 1000 + 2)
    with np.errstate(all="ignore"):
        again = np.asarray(spec.get_model_matrix(variables.iloc[some], context={}))
    same = np.isclose(again, matrix[some], rtol=1e-12, atol=0).all(axis=0)
    if not same.all():
        raise EstimationError(
            f"formula {formula!r}: {first_few(np.array(spec.column_names)[~same])} "
            "depends on which respondents are there, such as their mean or order; use "
            "center() or scale(), or make a column of it first"
        )


def _check_counts(design: SurveyDesign, formula: str, spec: Any) -> None:
    if design.sample.counts is not None:
        raise EstimationError(
            f"formula {formula!r}: {first_few(spec.transform_state)} looks at every "
            "respondent, and here a row stands for several; make a column of it before "
            "they are counted"
        )


def _read(design: SurveyDesign, name: str) -> Floats | Groups:
    """Read a column as numbers if it holds numbers, else as categories."""
    column = design.column(name)
    if pd.api.types.infer_dtype(column, skipna=True) in NUMERIC:
        return design.numbers(name)
    return design.groups(name)


def _distinct_rows(
    columns: list[Floats | Groups], kept: npt.NDArray[np.bool_]
) -> tuple[Codes, Codes]:
    """Number the distinct combinations, or the respondents if most of them differ.

    Returns
    -------
    codes : integers, shape (n_respondents,)
    first : integers, shape (n_rows,)
    """
    rows = np.flatnonzero(kept)
    some = rows[:: len(rows) // 4096 + 1]
    codes, n_codes = np.zeros(len(rows), dtype=np.intp), 1
    numbers = [column for column in columns if isinstance(column, np.ndarray)]
    if any(4 * len(np.unique(column[some])) > len(some) for column in numbers):
        return _number(kept), rows
    for column in columns:
        if isinstance(column, np.ndarray):
            values, labels = pd.factorize(column[rows])
            n_labels = len(labels)
        else:
            values, n_labels = column.codes[rows], len(column.labels)
        codes, found = pd.factorize(codes * n_labels + values)
        n_codes = len(found)
        if 4 * n_codes > len(rows):
            return _number(kept), rows
    first = np.empty(n_codes, dtype=np.intp)
    first[codes[::-1]] = rows[::-1]
    of_everyone = np.full(len(kept), -1)
    of_everyone[rows] = codes
    return of_everyone, first


def _number(kept: npt.NDArray[np.bool_]) -> Codes:
    """Number the respondents that are kept from 0; the others are -1."""
    return np.where(kept, np.cumsum(kept) - 1, -1)


def _values(columns: Mapping[str, Floats | Groups], rows: Codes) -> pd.DataFrame:
    """Values of some respondents; of categories, those that occur."""
    values: dict[str, Any] = {}
    for name, column in columns.items():
        if isinstance(column, np.ndarray):
            values[name] = column[rows]
            continue
        codes = column.codes[rows]
        present = sums(codes, None, len(column.labels)) > 0
        numbers = np.cumsum(present) - 1
        values[name] = pd.Categorical.from_codes(numbers[codes], column.labels[present])
    return pd.DataFrame(values, index=range(len(rows)))
