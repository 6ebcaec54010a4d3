"""The errors of this package.

ApiError
├── UnknownSurvey             no survey of that name was published
├── SurveyClosed              the survey takes no answers any more
├── FieldworkError            a survey cannot be published, opened or closed like this
├── FormUnreadable            a posted form that no page of ours sends
│   ├── FormTypeUnknown       its content type is not a form's
│   ├── FormFromElsewhere     another site sent it
│   └── BodyTooLarge          it is larger than any form
├── AccountError             a researcher, role or key cannot be given like this
│   └── WeakPassword          the password is too easily guessed
├── NotSignedIn               nobody who may do this is signed in
├── SecondFactorNeeded        a one-time code is needed first
├── Forbidden                 the researcher's role does not allow this
├── TooManyAttempts           too many wrong attempts: wait
├── AuditBroken               the audit log was changed
├── BackupUnreadable         a backup is damaged, cut off or of another version
├── UnknownRelease           the survey has no such release
├── UnknownJob               the survey has no such job, or it was deleted after a day
├── JobsFull                 too many jobs wait; trying again later is safe
├── ChoiceRefused            a comparison or an export that the release does not offer
├── ReleaseRefused           a data set cannot be released as its profile asks
├── DeadEnd                  a robot could not go on
├── ServiceStopped           the server ended before it was ready
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
        super().__init__(
            f"survey {name!r} is not published; see `parallax survey list`"
        )


class SurveyClosed(ApiError):
    """The survey takes no answers any more."""


class FieldworkError(ApiError, ValueError):
    """A survey cannot be published, opened or closed like this."""


class FormUnreadable(ApiError, ValueError):
    """A posted form that no page of ours sends."""


class FormTypeUnknown(FormUnreadable):
    """The content type is not a form's."""


class FormFromElsewhere(FormUnreadable):
    """Another site sent the form."""


class BodyTooLarge(FormUnreadable):
    """The body is larger than any form of ours."""


class AccountError(ApiError, ValueError):
    """A researcher, a role or a key cannot be given like this."""


class WeakPassword(AccountError):
    """The password is too easily guessed."""


class NotSignedIn(ApiError):
    """Nobody who may do this is signed in."""


class SecondFactorNeeded(ApiError):
    """The researcher has to show a one-time code first."""


class Forbidden(ApiError):
    """The researcher sees the survey, but the role does not allow this."""


class TooManyAttempts(ApiError):
    """Too many attempts went wrong; more are looked at in some seconds."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"too many attempts; wait {seconds} seconds")
        self.seconds = seconds


class AuditBroken(ApiError, ValueError):
    """An entry of the audit log was changed, removed or put in."""


class BackupUnreadable(ApiError, ValueError):
    """A backup is damaged, cut off or of another version of the tables."""


class UnknownRelease(ApiError, LookupError):
    """The survey has no such release."""


class UnknownJob(ApiError, LookupError):
    """The survey has no such job, or it was deleted after a day."""


class JobsFull(ApiError):
    """Too many jobs wait; trying again later is safe."""


class ChoiceRefused(ApiError, ValueError):
    """A comparison or an export was asked for that the release does not offer."""


class FilesRefused(ApiError, ValueError):
    """Files of a survey that cannot be read or written like this."""


class ReleaseRefused(ApiError, ValueError):
    """A data set cannot be released as its profile asks."""


class DeadEnd(ApiError, RuntimeError):
    """A robot could not go on."""


class ServiceStopped(ApiError, RuntimeError):
    """The server ended before it was ready."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(
            f"nothing can listen on {host}:{port}: the port is taken, or the address is"
            " none of this machine; choose others"
        )


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
