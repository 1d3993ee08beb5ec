"""The functions that the console asks, in docs/security.md: a key for a wall display, and one for those who decide."""

from blueprints._routes import find_route
from blueprints._signed_in import ACTIONS, READS
from devkit.documents.blocks import Texts, make_table


def write(texts: Texts) -> None:
    """Write the table."""
    heads = ("A key for", "Functions that it must open")
    rows = [
        ("a wall display, which reads", _name_all(READS, "GET")),
        ("a person who decides", _name_all(ACTIONS, "POST")),
    ]
    texts.put_block("docs/security.md", "functions of the console", make_table(heads, rows))


def _name_all(paths: tuple[str, ...], method: str) -> str:
    import function_app  # noqa: F401, PLC0415 - registers the routes, which take a while to import

    found = [find_route(path, method) for path in paths]
    return ", ".join(f"`{route.function.__name__}`" for route in found if route)
