"""What we ask: questionnaires, answers, random assignment, releases."""

from .loading import Survey, load

__all__ = ["Survey", "load"]
