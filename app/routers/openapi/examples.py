"""Examples of everything that goes in and out."""

from typing import Any

from app.routers.openapi.words import BODIES, FORMATS, NOT_YET, PLAIN, SERVERS_OWN, WORDS


def add(spec: dict[str, Any]) -> None:
    """Show each parameter, body and good answer by an example."""
    write = _Writer(spec["components"]["schemas"])
    for methods in spec["paths"].values():
        for operation in methods.values():
            for parameter in operation.get("parameters", []):
                if parameter["name"] not in SERVERS_OWN:
                    parameter["example"] = write.value(parameter["schema"], "", parameter["name"])
            body = BODIES.get(operation["operationId"])
            for content in operation.get("requestBody", {}).get("content", {}).values():
                content["example"] = body or write.value(content["schema"])
            for status, answer in operation["responses"].items():
                for content in answer.get("content", {}).values() if status[0] == "2" else ():
                    content["example"] = write.value(content["schema"])


class _Writer:
    def __init__(self, schemas: dict[str, Any]) -> None:
        self._schemas = schemas

    def value(self, schema: dict[str, Any], model: str = "", field: str = "") -> Any:
        """The word for just this, else the schema's own example, else what its type suggests."""
        if (exact := f"{model}.{field}") in WORDS:
            return WORDS[exact]
        if "examples" in schema:
            return schema["examples"][0]
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            return WORDS[name] if name in WORDS else self.value(self._schemas[name], name)
        if "anyOf" in schema:
            return None if field in NOT_YET else self.value(schema["anyOf"][0], model, field)
        return self._typed(schema, model, field)

    def _typed(self, schema: dict[str, Any], model: str, field: str) -> Any:
        for key in ("const", "default"):
            if key in schema:
                return schema[key]
        if "enum" in schema:
            return schema["enum"][0]
        if schema.get("format") in FORMATS:
            return FORMATS[schema["format"]]
        if field in WORDS and schema["type"] != "boolean":
            return WORDS[field]
        return self._plain(schema, model, field)

    def _plain(self, schema: dict[str, Any], model: str, field: str) -> Any:
        if schema["type"] in PLAIN:
            return PLAIN[schema["type"]]
        if schema["type"] == "array":
            return [self.value(schema["items"], model, field)]
        if "properties" in schema:
            return {name: self.value(each, model, name) for name, each in schema["properties"].items()}
        raise LookupError(f"WORDS has none for {model}.{field}")
