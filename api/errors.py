"""The errors of this package.

ApiError
├── UnknownSurvey             no survey of that name was published
├── FieldworkError            a survey cannot be published, opened or closed like this
├── StateInvalid              form state that was not sealed here, or was changed
├── StateExpired              form state that is too old
└── RecordingError
    ├── RowRefused            the database refused this one row; the others are stored
    └── RecordingUnavailable  nothing can be stored now; trying again later is safe
        └── QueueFull         more is waiting than can be stored soon
"""


class ApiError(Exception):
    """Base of all errors of the package."""


class UnknownSurvey(ApiError, LookupError):
    """No survey of that name was published."""

    def __init__(self, name: str) -> None:
        super().__init__(f"survey {name!r} is not published; see `parallax survey list`")


class FieldworkError(ApiError, ValueError):
    """A survey cannot be published, opened or closed like this."""


class StateInvalid(ApiError, ValueError):
    """Form state that was not sealed here, or was changed since."""


class StateExpired(ApiError, ValueError):
    """Form state that is too old to be sent."""


class RecordingError(ApiError):
    """Something was not stored, and nobody was told that it was."""


class RowRefused(RecordingError, ValueError):
    """The database refused this one row, for example a response without consent."""


class RecordingUnavailable(RecordingError):
    """Nothing can be stored now. Submitting the same again later is safe."""


class QueueFull(RecordingUnavailable):
    """More is waiting than can be stored soon."""
