"""What the `type` of a problem document points to."""

from inspect import cleandoc

from fastapi import APIRouter

from api.errors import InvalidRequest, UnknownResource, every_problem, problem_responses
from api.http.documents import Document

router = APIRouter(prefix="/problems", tags=["problems"])


class ProblemExplained(Document):
    """When a problem is answered and what to do about it."""

    type: str
    title: str
    status: int
    explanation: str
    example: str


@router.get(
    "/{name}",
    operation_id="explain_problem",
    summary="What a problem type means",
    responses=problem_responses(UnknownResource, InvalidRequest),
)
async def explain_problem(name: str) -> ProblemExplained:
    """The explanation that the `type` member of a problem document links to."""
    problem = every_problem().get(name)
    if problem is None:
        known = ", ".join(every_problem())
        raise UnknownResource(f"there is no problem type {name!r}; there are {known}")
    return ProblemExplained(
        type=problem.type_uri(),
        title=problem.title,
        status=problem.status,
        explanation=cleandoc(problem.__doc__ or ""),
        example=problem.example,
    )
