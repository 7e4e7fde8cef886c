"""Holds answers against botocore's model, more strictly than botocore itself: an unknown member, a missing one, a wrong type,
a value outside its list or limits fails."""

import datetime
import json
import re

TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


class Unlike(AssertionError):
    """An answer that is not as the model says."""


def check(shape, value, place="answer"):
    """Fails when `value`, which is JSON, is not of `shape`, which is botocore's."""

    def bad(why):
        raise Unlike(f"{place}: {why}: {value!r}"[:600])

    kind = shape.type_name
    if kind == "structure":
        if not isinstance(value, dict):
            bad("no structure")
        members = {m.serialization.get("name", key): (key, m) for key, m in shape.members.items()}
        for key in value:
            if key not in members:
                bad(f"unknown member {key}")
            check(members[key][1], value[key], f"{place}.{key}")
        in_body = {key for key, m in shape.members.items() if "location" not in m.serialization}
        for key in set(shape.required_members) & in_body:
            if key not in value:
                bad(f"no {key}")
        if getattr(shape, "is_tagged_union", False) and len(value) != 1:
            bad("not exactly one member")
    elif kind == "list":
        if not isinstance(value, list):
            bad("no list")
        limits(shape, len(value), bad)
        for at, item in enumerate(value):
            check(shape.member, item, f"{place}[{at}]")
    elif kind == "map":
        if not isinstance(value, dict):
            bad("no map")
        for key, item in value.items():
            check(shape.key, key, f"{place}.{key}")
            check(shape.value, item, f"{place}.{key}")
    elif kind == "string":
        if not isinstance(value, str):
            bad("no string")
        limits(shape, len(value), bad)
        words = getattr(shape, "enum", None)
        if words and value not in words:
            bad(f"none of {words}")
        pattern = shape.metadata.get("pattern")
        if pattern and not re.fullmatch(pattern, value):
            bad(f"not like {pattern}")
    elif kind == "integer":
        if not isinstance(value, int) or isinstance(value, bool) or not -(2**31) <= value < 2**31:
            bad("no integer")
        limits(shape, value, bad)
    elif kind == "boolean":
        if not isinstance(value, bool):
            bad("no boolean")
    elif kind == "timestamp":
        if not isinstance(value, str) or not TIMESTAMP.fullmatch(value):
            bad("no timestamp of ISO 8601")
        datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))
    else:
        bad(f"the model has a type that this test does not know: {kind}")


def limits(shape, size, bad):
    if size < shape.metadata.get("min", size) or size > shape.metadata.get("max", size):
        bad(f"not from {shape.metadata.get('min')} to {shape.metadata.get('max')}")


def answer(service_model, operation_model, status, headers, body):
    """Holds a whole answer against the model: a result, or an error that the operation knows."""
    text = body.decode("utf-8")
    if "x-amzn-requestid" not in {key.lower() for key in headers}:
        raise Unlike("no request id")
    if headers["content-type"] != "application/json":
        raise Unlike(f"content type {headers['content-type']}")
    if status == 200:
        value = json.loads(text)
        if operation_model.output_shape is None:
            if value != {}:
                raise Unlike(f"{operation_model.name} answers something: {text[:200]}")
            return
        check(operation_model.output_shape, value, operation_model.name)
        return
    name = headers["x-amzn-errortype"]
    known = {shape.name: shape for shape in operation_model.error_shapes}
    if name not in known:
        # What every service may answer before the operation is looked at.
        if name in ("IncompleteSignatureException", "MissingAuthenticationTokenException", "UnrecognizedClientException",
                    "InvalidSignatureException", "ExpiredTokenException", "RequestExpired"):
            return
        raise Unlike(f"{operation_model.name} does not know {name}")
    if known[name].metadata["error"]["httpStatusCode"] != status:
        raise Unlike(f"{name} with status {status}")
    check(known[name], json.loads(text), name)
