"""The JSON that REST answers with, for the OpenAPI document.

Answers are written by `transport/render/json.py`, not by these models: encoding twice would double the
time of a page. Schemathesis compares every answer with them. `| None` with a default marks a key that
is left out when there is nothing to say.
"""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Shape(BaseModel):
    """Base of answers: a key that is not written down here is a mistake."""

    model_config = ConfigDict(extra="forbid")


class BrokenField(Shape):
    """One broken rule."""

    field: str = Field(
        description="Path of the field in the request, for example `image_orders[0].image_id`."
    )
    description: str = Field(description="The rule.")


class Refusal(Shape):
    """Any error."""

    error: str = Field(description="What is wrong, in words.")
    message: str = Field(description="The same text, for clients that read this key.")
    reason: str = Field(description="What is wrong, as a stable token for programs.")
    fields: list[BrokenField] = Field(description="The fields at fault, when fields are.")


class Image(Shape):
    """One picture of a listing."""

    id: int
    listing_id: int
    url: str
    storage_path: str | None = None
    thumbnail_url: str | None = None
    display_order: int = Field(description="Lower stands first.")
    is_primary: bool
    width: int | None = Field(None, description="Pixels.")
    height: int | None = Field(None, description="Pixels.")
    file_size: int | None = Field(None, description="Bytes.")
    mime_type: str | None = None
    created_at: datetime
    updated_at: datetime


class Location(Shape):
    """Where a listing can be picked up."""

    id: int
    listing_id: int
    country: str | None = None
    city: str | None = None
    postal_code: str | None = None
    address_line1: str | None = None
    address_line2: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    created_at: datetime
    updated_at: datetime


class Listing(Shape):
    """One offer."""

    id: int
    uuid: str
    slug: str
    user_id: int = Field(description="Who offers it.")
    storefront_id: int | None = Field(None, description="Absent for private sales.")
    title: str
    description: str | None = None
    price: float = Field(description="Of one unit, in `currency`.")
    currency: str = Field(description="ISO 4217 code.")
    category_id: int
    status: Literal["draft", "active", "inactive", "sold", "archived"]
    visibility: str
    quantity: int
    sku: str | None = None
    source_type: Literal["c2c", "b2c", "storefront"]
    stock_status: str | None = None
    views_count: int
    favorites_count: int
    expires_at: datetime | None = Field(None, description="When a private sale becomes inactive by itself.")
    created_at: datetime
    updated_at: datetime
    published_at: datetime | None = None
    deleted_at: datetime | None = None
    is_deleted: bool
    images: list[Image] = Field(description="The primary one first.")
    tags: list[str]
    location: Location | None = None


class Listings(Shape):
    """One page of listings."""

    listings: list[Listing]
    total: int = Field(description="How many match in all.")
    next_page_token: str = Field(description="Continues after this page; empty on the last one.")


class Found(Shape):
    """What a search found, wrapped as its client expects."""

    data: Listings


class Category(Shape):
    """One category."""

    id: int
    name: str = Field(description="In the language of `lang`, when given and translated.")
    slug: str
    parent_id: int | None = Field(None, description="Absent for a root category.")
    icon: str | None = None
    description: str | None = None
    is_active: bool
    listing_count: int = Field(description="Active listings directly in it.")
    sort_order: int
    level: int
    translations: dict[str, str] = Field(description="Name by language: en, ru, sr.")
    has_custom_ui: bool
    custom_ui_component: str | None = None
    created_at: datetime | None = None


class Categories(Shape):
    """Categories, all of them on one page."""

    categories: list[Category]
    total: int


class Storefront(Shape):
    """The shop of a business seller."""

    id: int
    user_id: int
    slug: str
    name: str
    description: str | None = None
    logo_url: str | None = None
    banner_url: str | None = None
    phone: str | None = None
    email: str | None = None
    website: str | None = None
    address: str | None = None
    city: str | None = None
    postal_code: str | None = None
    country: str
    latitude: float | None = None
    longitude: float | None = None
    is_active: bool
    is_verified: bool
    rating: float
    reviews_count: int
    products_count: int
    sales_count: int
    views_count: int
    followers_count: int
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None = None


class Storefronts(Shape):
    """One page of storefronts."""

    storefronts: list[Storefront]
    total: int
    next_page_token: str


class Favorite(Shape):
    """A listing that a user keeps."""

    user_id: int
    listing_id: int
    created_at: datetime = Field(description="When it was first kept.")


class Favorites(Shape):
    """One page of the listings that a user keeps, newest favorite first."""

    favorites: list[Listing]
    total: int
    next_page_token: str


class FavoriteIds(Shape):
    """Ids of all listings that a user keeps."""

    listing_ids: list[int]
    total: int


class FavoriteIdsAnswer(Shape):
    """As the client library expects it."""

    data: FavoriteIds


class IsFavorite(Shape):
    """Whether a user keeps a listing."""

    is_favorite: bool


class IsFavoriteAnswer(Shape):
    """As the client library expects it."""

    data: IsFavorite


class UserIds(Shape):
    """Who keeps a listing."""

    user_ids: list[int]


class UserIdsAnswer(Shape):
    """As the client library expects it."""

    data: UserIds
