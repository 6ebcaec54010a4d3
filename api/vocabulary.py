"""The words to choose from, in commands, forms and requests; nothing else is loaded."""

from collections.abc import Mapping
from typing import Literal, get_args

Role = Literal["viewer", "analyst", "manager", "owner"]
ROLES: tuple[Role, ...] = get_args(Role)
"""From the least to the most: each may do all that the one before may."""

EVERY = "*"
"""Stands for all surveys, also those to come."""

Roles = Mapping[str, Role]
"""The role in each survey; `EVERY` for all of them."""

Profile = Literal["internal", "scientific", "open"]
"""For whom a release is, from those who see every response to everybody."""

TranslationFormat = Literal["po", "xliff"]
"""Files for translators."""

EXPORT_FORMATS = (
    *("csv", "sav", "zsav", "dta", "r", "xlsx", "parquet", "ddi"),
    *("codebook", "questionnaire"),
)
"""Keys of `surveys.exports.FORMATS`."""

Adjustment = Literal["holm", "bh", "hommel", "by", "none"]
"""The same as `analysis.comparison.Adjustment`."""

MOST_TICKETS = 10_000
"""As many are issued at a time."""
