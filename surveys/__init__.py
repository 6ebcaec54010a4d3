"""What we ask: questionnaires, answers, random assignment, releases."""

from .codebook import codebook
from .datafiles import read_data
from .errors import (
    AuthoringError,
    DataFileError,
    ExpressionError,
    ReleaseError,
    SurveyError,
)
from .experiments import draw_assignment
from .loading import load, load_files
from .releases import Release, read_release, write_release
from .responses import responses_to_frame
from .survey import Survey

__all__ = [
    "AuthoringError",
    "DataFileError",
    "ExpressionError",
    "Release",
    "ReleaseError",
    "Survey",
    "SurveyError",
    "codebook",
    "draw_assignment",
    "load",
    "load_files",
    "read_data",
    "read_release",
    "responses_to_frame",
    "write_release",
]
