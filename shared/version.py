"""The version of the gateway, as its answers and the descriptions of its API name it."""

VERSION = "1.0.0"
