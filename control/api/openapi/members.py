"""A JSON Schema as HTML: its members, each with what it may be, nested ones folded in. Pure."""

import json
from collections.abc import Callable, Iterator, Mapping
from html import escape
from typing import Any, Final

Schema = Mapping[str, Any]

DEEPEST: Final = 4
"""Levels that are folded in; below, a name is a link."""

_BOUNDS: Final = {
    "minimum": "≥ {}",
    "exclusiveMinimum": "> {}",
    "maximum": "≤ {}",
    "exclusiveMaximum": "< {}",
    "minLength": "{} characters at least",
    "maxLength": "{} characters at most",
    "minItems": "{} items at least",
    "maxItems": "{} items at most",
    "maxProperties": "{} members at most",
    "pattern": "matches {}",
}


class Members:
    """Shows schemas. `text` makes HTML of a description."""

    def __init__(self, named: Mapping[str, Schema], text: Callable[[str], str]) -> None:
        self._named = named
        self._text = text

    def opened(self, schema: Schema, depth: int = 0) -> str:
        """A schema's own description, and its members or what it may be."""
        _, schema = self._resolved(schema)
        told = f"<p>{self._text(schema['description'])}</p>" if "description" in schema else ""
        if "properties" not in schema:
            return f"{told}<p>{self.type(schema)} {' '.join(self._notes(schema))}</p>"
        required = set(schema.get("required", ()))
        items = "".join(
            self.item(member, it, it.get("description"), member in required, depth)
            for member, it in schema["properties"].items()
        )
        return f"{told}<dl>{items}</dl>"

    def item(self, name: str, schema: Schema, description: str | None, required: bool, depth: int = 0) -> str:  # noqa: FBT001  (JSON Schema's)
        """One member or parameter."""
        needed = "<em>required</em>" if required else ""
        notes = " ".join(self._notes(schema))
        told = f"<p>{self._text(description)}</p>" if description else ""
        return (
            f"<dt><code>{escape(name)}</code> {self.type(schema)} {needed}</dt>"
            f"<dd>{told}{f'<p>{notes}</p>' if notes else ''}{self._folded(schema, depth)}</dd>"
        )

    def type(self, schema: Schema) -> str:
        """What a value is, in words."""
        return f'<span class="type">{self._type(schema)}</span>'

    def _type(self, schema: Schema) -> str:
        if "$ref" in schema:
            name = escape(schema["$ref"].rpartition("/")[2])
            return f'<a href="#schema-{name}">{name}</a>'
        if options := schema.get("anyOf") or schema.get("oneOf"):
            return " or ".join(self._type(it) for it in options)
        if values := schema.get("enum") or [schema[key] for key in ("const",) if key in schema]:
            return " ".join(f"<code>{escape(str(it))}</code>" for it in values)
        plain = escape(str(schema.get("type", "anything")))
        if "items" in schema:
            return f"list of {self._type(schema['items'])}"
        if isinstance(schema.get("additionalProperties"), dict):
            return f"map to {self._type(schema['additionalProperties'])}"
        return f"{plain} ({escape(schema['format'])})" if "format" in schema else plain

    def _notes(self, schema: Schema) -> Iterator[str]:
        for key, words in _BOUNDS.items():
            if key in schema and (key, schema[key]) != ("minLength", 1):
                shown = escape(str(schema[key]), quote=False)
                yield f"<small>{words.format(f'<code>{shown}</code>' if key == 'pattern' else shown)}</small>"
        if "default" in schema and schema["default"] is not None:
            yield f"<small>default <code>{escape(json.dumps(schema['default']))}</code></small>"
        for option in schema.get("anyOf", ()):
            yield from self._notes(option)
        if "items" in schema:
            yield from self._notes(schema["items"])

    def _folded(self, schema: Schema, depth: int) -> str:
        """The members of what a member holds, to be unfolded."""
        for option in (schema, schema.get("items", {}), *schema.get("anyOf", ())):
            inner = option.get("items", option)
            if "$ref" in inner and depth < DEEPEST:
                name, found = self._resolved(inner)
                if "properties" in found or "enum" in found:
                    shown = self.opened(inner, depth + 1)
                    return f"<details><summary>{escape(name)}</summary>{shown}</details>"
        return ""

    def _resolved(self, schema: Schema) -> tuple[str, Schema]:
        if "$ref" not in schema:
            return "", schema
        name = schema["$ref"].rpartition("/")[2]
        return name, self._named[name]
