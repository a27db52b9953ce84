"""What the spec is made of: closed parts, rules, and texts and numbers with bounds.

Each says itself how it looks in the schema that `crd.py` renders, so that `spec.py` reads as a list of fields.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema

_DNS_NAME: Final = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
_QUANTITY: Final = r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$"
_LABEL_KEY: Final = r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
_LABEL_VALUE: Final = r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$"


# RPCs of the service, as its generated reference lists them; a test compares the two.
METHODS: Final = (
    "AddListingImage", "AddToFavorites", "BatchUpdateStock", "BulkCreateProductVariants",
    "BulkCreateProducts", "BulkDeleteProducts", "BulkUpdateProducts", "CheckStockAvailability",
    "CreateListing", "CreateProduct", "CreateProductVariant", "CreateVariants", "DecrementStock",
    "DeleteListing", "DeleteListingImage", "DeleteProduct", "DeleteProductVariant", "DeleteVariant",
    "GetAllCategories", "GetCategory", "GetCategoryTree", "GetFavoritedUsers", "GetInventoryHistory",
    "GetListing", "GetListingImage", "GetListingImages", "GetListingsForReindex", "GetPopularCategories",
    "GetProduct", "GetProductStats", "GetProductsByIDs", "GetProductsBySKUs", "GetRootCategories",
    "GetStorefront", "GetStorefrontBySlug", "GetUserFavorites", "GetVariant", "GetVariants",
    "GetVariantsByProductID", "IncrementProductViews", "IsFavorite", "ListListings", "ListProducts",
    "ListStorefronts", "RecordInventoryMovement", "RemoveFromFavorites", "ReorderListingImages",
    "ResetReindexFlags", "RollbackStock", "SearchListings", "SyncDiscounts", "UpdateListing",
    "UpdateProduct", "UpdateProductVariant", "UpdateVariant",
)  # fmt: skip
# Most calls per minute that a token bucket of the service counts.
MOST_PER_MINUTE: Final = 600_000


class Rule(NamedTuple):
    """A CEL rule of the object it stands in; `message` names the fix."""

    expression: str
    message: str


class SchemaNote(NamedTuple):
    """Something about a field that Kubernetes' schema can say and JSON Schema cannot."""

    key: str
    value: Any

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Called by pydantic while `crd.py` renders the schema."""
        return handler(core) | {self.key: self.value}


# A text that people also write as a number (`cpu: 2`).
INT_OR_STRING: Final = SchemaNote("x-kubernetes-int-or-string", True)
SET: Final = SchemaNote("x-kubernetes-list-type", "set")
ATOMIC: Final = SchemaNote("x-kubernetes-list-type", "atomic")
BY_NAME: Final = (
    SchemaNote("x-kubernetes-list-type", "map"),
    SchemaNote("x-kubernetes-list-map-keys", ["name"]),
)


def rules_of(*rules: Rule) -> SchemaNote:
    """Rules of a field whose type is no `Part`."""
    return SchemaNote(
        "x-kubernetes-validations", [{"rule": rule.expression, "message": rule.message} for rule in rules]
    )


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


Name = Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=_DNS_NAME)]
Key = Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")]
LabelValue = Annotated[str, StringConstraints(max_length=63, pattern=_LABEL_VALUE)]
Text = Annotated[str, StringConstraints(max_length=1024)]
KEYS: Final = rules_of(
    Rule(
        f"self.all(key, key.matches('{_LABEL_KEY}'))",
        "write keys as Kubernetes does: name or prefix.example/name, with letters, digits, '-', '_' and '.'",
    )
)
Labels = Annotated[dict[str, LabelValue], Field(max_length=20), KEYS]


# Of a map whose keys are RPCs.
BY_METHOD: Final = Rule(
    f"self.all(method, method in [{', '.join(repr(method) for method in METHODS)}])",
    "name RPCs as docs/reference/limits.md does, for example GetListing or BatchUpdateStock",
)


# Numbers are read as text, so that there is one type; written they are numbers, with bounds.
CallsPerMinute = Annotated[
    str,
    BeforeValidator(_text),
    StringConstraints(max_length=9, pattern=r"^([1-9][0-9]{0,5}|unlimited)$"),
    SchemaNote("minimum", 1),
    SchemaNote("maximum", MOST_PER_MINUTE),
    SchemaNote("pattern", "^unlimited$"),
    INT_OR_STRING,
]
Port = Annotated[int, Field(ge=1024, le=65535)]
Quantity = Annotated[
    str,
    BeforeValidator(_text),
    StringConstraints(max_length=32, pattern=_QUANTITY),
    # Behind another validator pydantic checks a pattern but leaves it out of the schema.
    SchemaNote("pattern", _QUANTITY),
    INT_OR_STRING,
]
Interval = Annotated[str, StringConstraints(max_length=8, pattern=r"^[1-9][0-9]*(ms|s|m)$")]


class Part(BaseModel):
    """One object of the spec: closed, frozen, camelCase on the wire."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True)

    rules: ClassVar[tuple[Rule, ...]] = ()

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Called by pydantic while `crd.py` renders the schema: adds the rules of this object."""
        schema = handler.resolve_ref_schema(handler(core))
        if cls.rules:
            schema["x-kubernetes-validations"] = [
                {"rule": rule.expression, "message": rule.message} for rule in cls.rules
            ]
        return schema

    def as_written(self) -> dict[str, Any]:
        """This part as plain camelCase data without what is not set; `read_spec` takes the whole back."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)
