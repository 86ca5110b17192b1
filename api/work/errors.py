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
from models.refusals import Conflict, Invalid, Missing


class KindUnknown(ApiError, Missing):
    """There is no such kind of job; the message lists those that there are."""


class RequestInvalid(ApiError, Invalid):
    """What is asked of a job cannot be, at its place in the request."""


class ScheduleInvalid(ApiError, Invalid):
    """A cron line or a time zone cannot be; the message shows what can."""

    names_place = True


class JobStopped(ApiError, Conflict):
    """The work ends here, in order: it was cancelled, or its process leaves."""


class JobLost(ApiError, Conflict):
    """The job was taken from this process, which was thought dead; nothing is stored for it."""
