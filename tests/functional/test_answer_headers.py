"""Headers that browsers go by, on every answer: of functions, of the host for them, and of the pages."""

import pytest

from tests.functional.conftest import Gateway, ahead

# Not what it is called, no frame around it, nothing loaded or sent, no address told to others, never without TLS.
ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000",
}


@pytest.mark.parametrize(
    ("path", "status", "with_key", "headers"),
    [
        ("health", 200, False, {}),
        ("docs", 200, False, {}),
        ("docs/initializer.js", 200, False, {}),
        ("docs/no-such-file", 404, False, {}),
        ("openapi.json", 200, False, {}),
        ("openapi.json", 304, False, {"If-None-Match": "*"}),
        ("swagger.json?no=1", 400, False, {}),
        ("status", 200, True, {}),
        ("", 200, False, {}),
        ("console", 200, False, {}),
        ("console/app.js", 200, False, {}),
        ("console/lib/api.js", 304, False, {"If-None-Match": "*"}),
        ("console/no-such-file", 404, False, {}),
        ("health/ready?scope=instance", 200, True, {}),
        ("bookings/businesses", 200, True, {}),
        ("bookings/businesses", 401, False, {}),
        ("bookings/businesses/elsewhere@contoso.com", 403, True, {}),
        ("connector/appointments/schema", 404, True, {}),
        ("no/such/path", 404, True, {}),
        ("doctor", 401, True, {}),
    ],
)
def test_every_answer_has_them(
    gateway: Gateway, path: str, status: int, with_key: bool, headers: dict[str, str]
) -> None:
    answer = gateway.get(path, key=None if with_key else "", headers=headers)
    assert answer.status_code == status
    assert {name: answer.headers.get(name) for name in ALWAYS} == ALWAYS
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    if answer.headers.get("content-type", "").startswith("text/html"):
        assert {"base-uri 'none'", "form-action 'none'"} <= set(policy.split("; "))


def test_what_is_written_and_binary_has_them_too(gateway: Gateway) -> None:
    wrong = gateway.post(f"bookings/businesses/{gateway.business}/availability", {"start": str(ahead(days=1))})
    assert wrong.status_code == 400
    assert {name: wrong.headers.get(name) for name in ALWAYS} == ALWAYS
