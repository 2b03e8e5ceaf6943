"""What the provider's Machines API answers on the routes that are used: `provider.json`, read as JSON schemas.

`answers` holds, by route and status, what the body is; `types` the fields of each kind of object. Written in words:
`string`, `list of T`, `map of T`, `one of a, b`, `nothing` (no body is described), or a name of `types`.

python -m tests.deploy.emulator.provider OPENAPI.json     compare it with the provider's own description
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import jsonschema

PLACE = Path(__file__).with_name("provider.json")
_PLAIN = ("string", "integer", "number", "boolean")


class Provider:
    """The description, and which routes were held against it."""

    def __init__(self, place: Path = PLACE) -> None:
        body = json.loads(place.read_text(encoding="utf-8"))
        self.answers: dict[str, dict[str, str]] = body["answers"]
        self.types: dict[str, Any] = body["types"]
        self._definitions = {name: self._type(name) for name in self.types}
        self.held: set[tuple[str, str]] = set()

    def hold(self, method: str, template: str, status: int, body: Any) -> None:
        """Assert that the operation may answer so. `body` is None for an empty answer, and for one without a schema."""
        self.held.add((method, template))
        if status >= 400:
            self.agree(body, "Error")
            return
        answers = self.answers[f"{method} {template}"]
        assert str(status) in answers, f"{method} {template} answers {status}, not one of {', '.join(answers)}"
        if answers[str(status)] != "nothing":
            self.agree(body, answers[str(status)])

    def agree(self, value: Any, words: str) -> None:
        """Assert that the value is what the words describe; no object may have a field that its type does not name."""
        schema = {**self.schema(words), "definitions": self._definitions}
        jsonschema.validate(value, schema, cls=jsonschema.Draft4Validator)

    def schema(self, words: str) -> dict[str, Any]:
        """The JSON schema of a description in words; raises KeyError for a type that is not described."""
        if words in _PLAIN:
            return {"type": words}
        if words == "any":
            return {}
        for start, made in (("list of ", "items"), ("map of ", "additionalProperties")):
            if words.startswith(start):
                kind = "array" if made == "items" else "object"
                return {"type": kind, made: self.schema(words.removeprefix(start))}
        if words.startswith("one of "):
            return {"enum": words.removeprefix("one of ").split(", ")}
        if words not in self.types:
            raise KeyError(f"{PLACE.name} does not describe {words!r}")
        return {"$ref": f"#/definitions/{words}"}

    def _type(self, name: str) -> dict[str, Any]:
        fields = self.types[name]
        if isinstance(fields, str):
            return self.schema(fields)
        properties = {field: self.schema(words) for field, words in fields.items()}
        return {"type": "object", "properties": properties, "additionalProperties": False}


class Comparison:
    """Holds the words against an OpenAPI document. What the document has beyond them does not matter."""

    def __init__(self, provider: Provider, openapi: dict[str, Any]) -> None:
        self._provider, self._openapi = provider, openapi
        self._seen: set[tuple[str, str]] = set()
        self.differences: list[str] = []

    def run(self) -> list[str]:
        """Where the two differ, a sentence each."""
        for route, answers in self._provider.answers.items():
            method, template = route.split(" ")
            operation = self._openapi["paths"].get(template, {}).get(method.lower())
            if operation is None:
                self.differences.append(f"{route} is not described")
                continue
            for status, words in answers.items():
                response = operation["responses"].get(status)
                if response is None:
                    self.differences.append(f"{route} does not answer {status}")
                elif words != "nothing":
                    self._hold(f"{route} {status}", words, response["content"]["application/json"]["schema"])
        return self.differences

    def _hold(self, place: str, words: str, schema: dict[str, Any]) -> None:
        reference = schema.get("$ref") or next((one["$ref"] for one in schema.get("allOf", []) if "$ref" in one), "")
        if reference:
            if (words, reference) in self._seen:
                return
            self._seen.add((words, reference))
            schema = self._openapi["components"]["schemas"][reference.rsplit("/", 1)[1]]
        if words.startswith(("list of ", "map of ")):
            inner = "items" if words.startswith("list") else "additionalProperties"
            self._hold(f"{place}[]", re.sub("^(list|map) of ", "", words), schema.get(inner) or {})
        elif words.startswith("one of "):
            if unknown := set(words.removeprefix("one of ").split(", ")) - set(schema.get("enum", [])):
                self.differences.append(f"{place} cannot be {', '.join(sorted(unknown))}")
        elif isinstance(fields := self._provider.types.get(words), str):
            self._hold(place, fields, schema)
        elif isinstance(fields, dict):
            for field, kind in fields.items():
                if field not in schema.get("properties", {}):
                    self.differences.append(f"{place}.{field} is not described")
                else:
                    self._hold(f"{place}.{field}", kind, schema["properties"][field])
        elif words != "any" and schema.get("type") != words:
            self.differences.append(f"{place} is {schema.get('type')}, not {words}")


if __name__ == "__main__":
    found = Comparison(Provider(), json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))).run()
    sys.stdout.write("".join(f"{line}\n" for line in found) or "they agree\n")
    sys.exit(bool(found))
