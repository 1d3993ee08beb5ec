"""The custom connector's definition, built from descriptions of the app's routes.

`document.build_definition()` is what power-automate/apiDefinition.swagger.json holds and `GET openapi.json` serves.
Tests compare it with the app: every route and parameter is described, and every answer of the running app is checked
against its schema, field by field.
"""
