"""Errors of the work room; they belong to the tree in `api.errors`.

ApiError                   see `api.errors`
├── KindUnknown            no such kind of job
├── RequestInvalid         what is asked of a job cannot be; names the field
├── ScheduleInvalid        a cron line or a time zone that cannot be
├── JobStopped             the work must end here: somebody cancelled it, or its process leaves
└── JobLost                the job is somebody else's by now: nothing may be stored for it
"""

from __future__ import annotations

from api.errors import ApiError


class KindUnknown(ApiError, LookupError):
    """There is no such kind of job; the message lists those that there are."""


class RequestInvalid(ApiError, ValueError):
    """What is asked of a job cannot be.

    Attributes:
        field: its place in the request, such as `changes[0]`; empty for none.
    """

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class ScheduleInvalid(ApiError, ValueError):
    """A cron line or a time zone cannot be; the message shows what can."""


class JobStopped(ApiError):
    """The work ends here, in order: it was cancelled, or its process leaves."""


class JobLost(ApiError):
    """The job was taken from this process, which was thought dead; nothing is stored for it."""
