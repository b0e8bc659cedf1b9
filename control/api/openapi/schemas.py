"""The JSON Schemas of everything that is asked and answered, under the names that clients see. Pure."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, models_json_schema

PLACE: Final = "#/components/schemas/{model}"
Schema = dict[str, Any]
Models = Iterable[tuple[type[BaseModel], JsonSchemaMode]]


class _Generator(GenerateJsonSchema):
    def normalize_name(self, name: str) -> str:
        """`NetworkPage`, where pydantic would say `Page_Network_`."""
        return super().normalize_name(re.sub(r"^Page\[(\w+)\]$", r"\1Page", name))

    def field_title_should_be_set(self, _: Any) -> bool:  # noqa: ANN401  (pydantic's)
        """A member's name is title enough."""
        return False

    def field_is_required(self, field: Any, total: bool) -> bool:  # noqa: ANN401, FBT001  (pydantic's)
        """An answer has every member, also one that is as usual."""
        required: bool = super().field_is_required(field, total)
        return required or (self.mode == "serialization" and not field.get("serialization_exclude"))


class Schemas(NamedTuple):
    """Schemas by name, and where that of a model is."""

    named: dict[str, Schema]
    places: Mapping[tuple[Any, JsonSchemaMode], Schema]

    def place(self, model: type[BaseModel], mode: JsonSchemaMode) -> Schema:
        """The reference to a model's schema."""
        return dict(self.places[model, mode])

    def resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """The schema itself, of a reference to one."""
        reference = schema.get("$ref")
        return self.named[reference.rpartition("/")[2]] if reference else schema


def schemas_of(models: Models) -> Schemas:
    """The schemas of these models and of all that they hold."""
    places, definitions = models_json_schema(list(models), ref_template=PLACE, schema_generator=_Generator)
    named: dict[str, Schema] = definitions.get("$defs", {})
    return Schemas({name: _in_lines(schema) for name, schema in sorted(named.items())}, places)


def one_line(text: str) -> str:
    """Text of a docstring, without its line breaks."""
    return " ".join(text.split())


def _in_lines(schema: Any) -> Any:  # noqa: ANN401  (any JSON)
    if isinstance(schema, list):
        return [_in_lines(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: one_line(value) if key == "description" and isinstance(value, str) else _in_lines(value)
        for key, value in schema.items()
    }
