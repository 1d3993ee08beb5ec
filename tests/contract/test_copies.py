"""What the repository holds of documents that are maintained elsewhere, against the originals."""

import json

from devkit.flows.check import FORMAT
from tests import field_mails
from tests.contract.slice_metadata import GRAPH, KEPT, SOURCES, build_files, slice_document
from tests.contract.test_connector import LINT
from tests.originals import CONTRACTS, find_contracts


def test_every_copy_is_that_of_its_original() -> None:
    find_contracts(*SOURCES.values())
    slices = build_files(CONTRACTS)
    assert {path: path.read_text("utf-8") for path in GRAPH.iterdir()} == slices, "run tests.contract.slice_metadata"
    shared = CONTRACTS.parent
    copies = {
        LINT: shared / "checks" / "connector_lint.py",
        FORMAT: CONTRACTS / "flow-definition-subset.schema.json",
        **{path: shared / "data" / "field-mails" / path.name for path in field_mails.FOLDER.iterdir()},
    }
    for copy, original in copies.items():
        assert not original.exists() or copy.read_bytes() == original.read_bytes(), copy.name


def test_a_slice_keeps_names_and_types_and_drops_prose() -> None:
    properties = {"description": {"type": "string", "description": "Prose."}, "url": {"type": "string"}}
    schema = {"type": "object", "title": "thing", "properties": properties, "x-note": "Prose."}
    operation = {
        "summary": "Prose.",
        "externalDocs": {"url": "https://example.com"},
        "x-graph-permissions": {"application": {"leastPrivileged": ["A.Read"]}},
        "responses": {"2XX": {"description": "Prose.", "content": {"application/json": {"schema": schema}}}},
    }
    document = {
        "paths": {"/things": {"get": operation}},
        "components": {"schemas": {"thing": schema}, "parameters": {}, "responses": {}},
    }

    parts = slice_document(document)

    kept = {
        "type": "object",
        "title": "thing",
        "properties": {"description": {"type": "string"}, "url": {"type": "string"}},
    }
    assert parts["schemas"] == {"thing": kept}
    assert parts["paths"]["/things"]["get"] == {
        "x-graph-permissions": {"application": {"leastPrivileged": ["A.Read"]}},
        "responses": {"2XX": {"content": {"application/json": {"schema": kept}}}},
    }
    assert not {"description", "summary", "externalDocs", "x-note"} & KEPT
    assert "Prose" not in json.dumps(parts)
