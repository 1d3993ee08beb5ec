"""The zip that is deployed: sources, the packages that they need, byte code; the same bytes from the same sources.

`contents` names the sources, `wheels` brings the packages, `building` puts both together.
"""
