"""Parameters and documented refusals that several endpoints share."""

from typing import Annotated, Any, Final, Literal

from fastapi import Path, Query
from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from listings.transport.rest import shapes

# 64 bits, as the wire has them; what exceeds a table's own ids is simply not found.
HIGHEST_ID: Final = 2**63 - 1
HIGHEST_INT32: Final = 2**31 - 1


def _alone(value: object) -> object:
    """Pydantic would read `\u0085 3` and `1_000` as numbers; the document promises neither."""
    if isinstance(value, str) and (value != value.strip() or "_" in value):
        raise PydanticCustomError("number_alone", "Input should be a number and nothing else")
    return value


WholeNumber = Annotated[int, BeforeValidator(_alone)]
RealNumber = Annotated[float, BeforeValidator(_alone)]

_PathId = Annotated[WholeNumber, Path(ge=1, le=HIGHEST_ID)]
CategoryId = _PathId
ImageId = _PathId
ListingId = _PathId
StorefrontId = _PathId
UserId = _PathId
UserInQuery = Annotated[
    WholeNumber | None,
    Query(ge=1, le=HIGHEST_ID, alias="user_id", description="Who asks; a bearer token wins over it."),
]
Language = Annotated[
    Literal["en", "ru", "sr"] | None, Query(alias="lang", description="Language of category names.")
]
Limit = Annotated[WholeNumber, Query(ge=1, le=100, description="Rows per page.")]
Offset = Annotated[WholeNumber | None, Query(ge=0, le=1_000_000, description="Rows to skip.")]
PageNumber = Annotated[
    WholeNumber | None,
    Query(ge=1, le=1_000_000, alias="page", description="Page from 1; instead of `offset`."),
]
PageToken = Annotated[
    str, Query(max_length=1024, description="`next_page_token` of the page before; wins over `offset`.")
]
OptionalId = Annotated[WholeNumber | None, Query(ge=1, le=HIGHEST_ID)]
Price = Annotated[RealNumber | None, Query(ge=0, le=1e12, allow_inf_nan=False, description="Inclusive.")]

_TEXTS: Final = {
    400: "A parameter or the body breaks a rule; `fields` names it.",
    401: "A token is missing or bad.",
    403: "The caller may not do this.",
    404: "There is no such thing.",
    405: "The path does not take this method.",
    408: "The body did not arrive in time.",
    409: "The thing is not in a state that allows this.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    429: "A rate limit is reached; `Retry-After` tells when to come back.",
    500: "A defect of the service; the text names the request id.",
    503: "The database cannot be reached; try again.",
    504: "The time limit passed.",
}
_ALWAYS: Final = (400, 429, 500, 503, 504)
_BODY: Final = (408, 413, 415)
_WHO: Final = (401, 403)


def refusals(*statuses: int, body: bool = False, who: bool = False) -> dict[int | str, dict[str, Any]]:
    """The documented errors of an endpoint: `statuses` besides those that any may give."""
    all_of_them = sorted({*_ALWAYS, *statuses, *(_BODY if body else ()), *(_WHO if who else ())})
    return {status: {"model": shapes.Refusal, "description": _TEXTS[status]} for status in all_of_them}


def offset_of(limit: int, offset: int | None, page: int | None) -> int:
    """Rows to skip: `offset` when given, else what stands before `page`."""
    if offset is not None:
        return offset
    return 0 if page is None else (page - 1) * limit
