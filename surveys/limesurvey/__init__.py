"""LimeSurvey's tab-separated survey structure: in."""

from .reading import read_limesurvey

__all__ = ["read_limesurvey"]
