"""What the `type` of a problem document points to."""

from inspect import cleandoc

from fastapi import APIRouter

from api.errors import answer_to, every_refusal, problem_responses, type_uri
from api.http.documents import Document
from models.refusals import Invalid, Missing

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
    responses=problem_responses(Missing, Invalid),
)
async def explain_problem(name: str) -> ProblemExplained:
    """The explanation that the `type` member of a problem document links to."""
    known = every_refusal()
    if name not in known:
        raise Missing(f"there is no problem type {name!r}; there are {', '.join(known)}")
    refusal = known[name]
    return ProblemExplained(
        type=type_uri(refusal),
        title=refusal.title,
        status=answer_to(refusal).status,
        explanation=cleandoc(refusal.__doc__ or "").partition("\n\nAttributes:")[0],
        example=refusal.example,
    )
