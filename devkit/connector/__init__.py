"""The custom connector's definition, made from descriptions of the app's routes.

`document.build_definition()` is what power-automate/apiDefinition.swagger.json holds and `GET openapi.json` serves.
Everything here describes. Tests hold it to the app: every route and parameter is described, and every answer of the
running app is checked, field by field, against its schema.
"""
