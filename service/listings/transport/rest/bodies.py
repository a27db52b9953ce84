"""Request bodies. Types are strict: `"7"` is not a number, `true` is not 1.

Bounds that the domain owns (lengths after trimming, prices, transitions) are checked there, so that
both edges refuse in the same words; here stands what keeps a value of the right kind.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

_HIGHEST_ID = 2**63 - 1

BodyId = Annotated[int, Field(ge=1, le=_HIGHEST_ID)]
Count = Annotated[int, Field(ge=0, le=2**31 - 1)]


class Body(BaseModel):
    """Base of request bodies; keys that mean nothing here are ignored, as clients send many."""

    model_config = ConfigDict(strict=True)


class ActingUser(Body):
    """Who acts, for callers without a token."""

    user_id: BodyId | None = Field(None, description="Who acts; a bearer token wins over it.")


class NewListing(Body):
    """A new listing."""

    user_id: BodyId | None = Field(None, description="Who will own it; a bearer token wins over it.")
    storefront_id: BodyId | None = Field(None, description="The storefront that offers it.")
    title: str = Field(description="3 to 255 characters after trimming, in any script.", examples=["Bicikl"])
    description: str | None = Field(None, description="At most 5000 characters.")
    price: float = Field(description="More than 0, at most 999999999.99, two decimals.", examples=[12500.0])
    currency: str = Field(description="ISO 4217 code, three upper-case letters.", examples=["RSD"])
    category_id: BodyId = Field(description="An active category.", examples=[1])
    quantity: Count = Field(0, description="Units on offer.", examples=[1])
    sku: str | None = Field(None, description="The seller's own article number.")
    source_type: str = Field(description="c2c or b2c (or storefront).", examples=["c2c"])


class ListingChange(Body):
    """What changes in a listing; a key that is absent or null stays as it is."""

    user_id: BodyId | None = Field(None, description="Who asks; a bearer token wins over it.")
    title: str | None = Field(None, description="3 to 255 characters after trimming. The slug stays.")
    description: str | None = Field(None, description="At most 5000 characters.")
    price: float | None = Field(None, description="More than 0, at most 999999999.99, two decimals.")
    quantity: Count | None = Field(None, description="Units on offer.")
    status: str | None = Field(
        None, description="draft, active, inactive, sold or archived, reachable from the present one."
    )


class ImageOrder(Body):
    """Gives one image its place."""

    image_id: BodyId
    display_order: Count = Field(description="Lower stands first.")


class ImageOrders(Body):
    """A new order of some of a listing's images."""

    user_id: BodyId | None = Field(None, description="Who asks; a bearer token wins over it.")
    image_orders: list[ImageOrder] = Field(
        min_length=1, max_length=1000, description="Images that are not named keep their place."
    )
