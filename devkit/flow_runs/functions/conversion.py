"""Functions that change the type of a value or encode it; what binary content is, `devkit.flow_runs.bodies` says."""

import base64
import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from devkit.flow_runs.bodies import encode_body, is_content, wrap_content
from devkit.flow_runs.failures import TemplateFailure, need_english, need_text, refuse, refuse_value
from devkit.flow_runs.texts import as_text, to_bytes

_DATA_URI = re.compile(r"data:(?P<type>[^,]*?)(?P<coded>;base64)?,(?P<data>.*)", re.DOTALL)
_GROUPED = re.compile(r"[+-]?(?:\d[\d,]*)?(?:\.\d+)?(?:[eE][+-]?\d+)?")
_INTEGER = re.compile(r"\s*[+-]?0*[0-9]{1,19}\s*")
_PAST_INTEGERS = 2**63
_PORTS = {"http": 80, "https": 443, "ftp": 21}


def to_text(value: Any) -> str:
    """Return string(): binary content is read as text, null is empty."""
    return encode_body(value)[0].decode("utf-8", "replace") if is_content(value) else as_text(value)


def to_json(value: Any) -> Any:
    """json() of a text or of binary content; XML is not known here."""
    text = need_text("json", 0, to_text(value) if is_content(value) else value)
    try:
        return json.loads(text)
    except ValueError:
        raise TemplateFailure(
            "The template language function 'json' parameter is not valid. "
            f"The provided value '{text[:40]}' cannot be parsed."
        ) from None


def to_integer(value: Any) -> int:
    """int()."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and _is_integer(value):
        return int(value)
    raise refuse_value("int", "the value cannot be converted to the target type")


def to_float(value: Any, locale: Any = "en-us") -> float:
    """float() in the invariant culture or en-US: a comma groups digits."""
    need_english("float", 1, locale)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if is_float(need_text("float", 0, value)):
        return float(value.strip().replace(",", ""))
    raise refuse_value("float", "the value cannot be converted to the target type")


def is_float(text: Any, locale: Any = "en-us") -> bool:
    """isFloat() in the invariant culture or en-US."""
    need_english("isFloat", 1, locale)
    value = need_text("isFloat", 0, text).strip()
    return bool(_GROUPED.fullmatch(value)) and any(sign.isdigit() for sign in value)


def to_boolean(value: Any) -> bool:
    """bool()."""
    if isinstance(value, bool | int):
        return bool(value)
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    raise refuse_value("bool", "the value cannot be converted to the target type")


def to_base64(value: Any) -> str:
    """base64(): of binary content it is what is there already."""
    if is_content(value):
        return str(value["$content"])
    return base64.b64encode(to_bytes(need_text("base64", 0, value))).decode()


def decode_base64(function: str, value: Any) -> bytes:
    """Return the bytes that a base64 text stands for."""
    text = need_text(function, 0, value)
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise refuse_value(function, "the text is not base64") from None


def to_binary(value: Any) -> dict[str, str]:
    """binary()."""
    return value if is_content(value) else wrap_content(to_bytes(need_text("binary", 0, value)))


def to_data_uri(value: Any) -> str:
    """dataUri()."""
    if is_content(value):
        return f"data:{value['$content-type']};base64,{value['$content']}"
    return f"data:text/plain;charset=utf-8;base64,{to_base64(need_text('dataUri', 0, value))}"


def decode_data_uri(function: str, value: Any) -> dict[str, str]:
    """Return the content of a data address."""
    found = _DATA_URI.fullmatch(need_text(function, 0, value))
    if found is None:
        raise refuse_value(function, "the text is no data address")
    data = decode_base64(function, found["data"]) if found["coded"] else to_bytes(unquote(found["data"]))
    return wrap_content(data, found["type"] or "text/plain")


def encode_component(function: str) -> Callable[[Any], str]:
    """Make one of the two functions that escape a text for addresses.

    They take numbers: the designer of Logic Apps writes `encodeURIComponent(…?['ID'])` into paths of SharePoint items.
    """

    def call(value: Any) -> str:
        text = as_text(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
        return quote(to_bytes(need_text(function, 0, text)), safe="-_.~")

    return call


def decode_component(function: str) -> Callable[[Any], str]:
    """Make one of the two functions that take such escapes back."""
    return lambda text: unquote(need_text(function, 0, text))


def read_address(function: str, part: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Make one of the functions that read a part of an address."""

    def call(text: Any) -> Any:
        address = urlsplit(need_text(function, 0, text))
        if not address.scheme:
            raise refuse_value(function, "the text is no address")
        return part(address)

    return call


def _path_and_query(address: Any) -> str:
    return (address.path or "/") + (f"?{address.query}" if address.query else "")


def _is_integer(text: Any) -> bool:
    value = need_text("isInt", 0, text)
    return _INTEGER.fullmatch(value) is not None and -_PAST_INTEGERS <= int(value) < _PAST_INTEGERS


def _wrap(*values: Any) -> list[Any]:
    return list(values)


def _to_array(value: Any) -> list[Any]:
    if value is None:
        raise refuse("array", 0, "a value", value)
    return [value]


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "string": to_text, "json": to_json, "int": to_integer, "float": to_float, "bool": to_boolean,
    "isInt": _is_integer, "isFloat": is_float, "array": _to_array, "createArray": _wrap,
    "base64": to_base64, "binary": to_binary, "dataUri": to_data_uri,
    "base64ToBinary": lambda value: wrap_content(decode_base64("base64ToBinary", value)),
    "base64ToString": lambda value: decode_base64("base64ToString", value).decode("utf-8", "replace"),
    "decodeBase64": lambda value: decode_base64("decodeBase64", value).decode("utf-8", "replace"),
    "dataUriToBinary": lambda value: decode_data_uri("dataUriToBinary", value),
    "decodeDataUri": lambda value: decode_data_uri("decodeDataUri", value),
    "dataUriToString": lambda value: to_text(decode_data_uri("dataUriToString", value)),
    "encodeUriComponent": encode_component("encodeUriComponent"), "uriComponent": encode_component("uriComponent"),
    "decodeUriComponent": decode_component("decodeUriComponent"),
    "uriComponentToString": decode_component("uriComponentToString"),
    "uriComponentToBinary": lambda text: wrap_content(to_bytes(decode_component("uriComponentToBinary")(text))),
    "uriHost": read_address("uriHost", lambda address: address.hostname),
    "uriPath": read_address("uriPath", lambda address: address.path or "/"),
    "uriPathAndQuery": read_address("uriPathAndQuery", _path_and_query),
    "uriPort": read_address("uriPort", lambda address: address.port or _PORTS.get(address.scheme)),
    "uriQuery": read_address("uriQuery", lambda address: f"?{address.query}" if address.query else ""),
    "uriScheme": read_address("uriScheme", lambda address: address.scheme),
}  # fmt: skip
