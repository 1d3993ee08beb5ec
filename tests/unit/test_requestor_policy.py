from typing import Any

import pytest

from shared.settings.requestor_policy import NAMED_POLICIES, RequestorPolicy, read_requestor_policy


def read(given: dict[str, Any]) -> tuple[RequestorPolicy, list[str]]:
    faults: list[str] = []
    policy = read_requestor_policy(given, lambda field, _: faults.append(field))
    return policy, faults


def test_addresses_and_domains_are_listed_in_any_case() -> None:
    policy, faults = read(
        {"reply_to_from": ["Forms@Contoso.com", "@forms.contoso.com"], "forwarded_by": ["@it.example"]}
    )
    assert faults == []
    assert policy.uses_reply_to("forms@contoso.com")
    assert policy.uses_reply_to("card-forms@forms.contoso.com")
    assert policy.uses_forwarded("lee.gu@it.example")


@pytest.mark.parametrize(
    "stranger",
    ["", "lee@contoso.com", "x@evilforms.contoso.com", "x@a.forms.contoso.com", "forms@contoso.com.evil.example"],
)
def test_nobody_else_is_listed(stranger: str) -> None:
    policy = RequestorPolicy(("forms@contoso.com", "@forms.contoso.com"), ("forms@contoso.com",))
    assert not policy.uses_reply_to(stranger)
    assert not policy.uses_forwarded(stranger)


@pytest.mark.parametrize(
    ("given", "faults"),
    [
        ({"replyToFrom": []}, ["replyToFrom"]),
        ({"reply_to_from": "forms@contoso.com"}, ["reply_to_from"]),
        ({"reply_to_from": ["contoso.com", "a@b.example", 7, "*"]}, [f"reply_to_from[{one}]" for one in (0, 2, 3)]),
        ({"forwarded_by": ["a b@contoso.com"], "from": 1}, ["from", "forwarded_by[0]"]),
        ({"forwarded_by": ["@contoso.com"] * 201}, ["forwarded_by"]),
    ],
)
def test_every_fault_is_named(given: dict[str, Any], faults: list[str]) -> None:
    assert read(given)[1] == faults


def test_a_rule_names_a_policy_for_the_mails_that_it_matches() -> None:
    chosen = {
        name: (one.uses_reply_to("x@y.example"), one.uses_forwarded("x@y.example"))
        for name, one in NAMED_POLICIES.items()
    }
    assert chosen == {"from": (False, False), "reply-to": (True, False), "forwarded": (False, True)}
