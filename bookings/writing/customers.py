"""The customers of a business: find them by mail address, make or change them, describe them for an appointment."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from bookings.describe import plain
from bookings.writing import recovery
from bookings.writing.graph_bodies import Person, customer_record, read_person, typed_answers, typed_customer
from shared.errors import GatewayError, Invalid, NotFound, OutcomeUnknown
from shared.graph.bookings import GraphBookings
from shared.json_text import Json
from shared.storage.idempotency import IdempotencyStore, WriteLost

_MOST_PAGES = 200
_SOME_PAGES = 10
_LOST = (
    "Microsoft Graph did not say whether the customer was saved, and it cannot be seen yet. Look at the customers "
    "before you send it again."
)


class Customers:
    """Customers of the businesses of one connection."""

    def __init__(self, graph: GraphBookings, idempotency: IdempotencyStore, connection: str) -> None:
        self._graph = graph
        self._idempotency = idempotency
        self._connection = connection

    def save(self, business: str, values: Mapping[str, Any]) -> Json:
        """Change the customer with this id or mail address, or make one; return it with "isNew".

        `values` are those of the route: customerId, name, emailAddress, phone. Raises Invalid for an unknown id,
        WriteLost if the outcome is unknown.
        """
        return self._save(business, read_person(values))

    def describe_people(self, business: str, people: Sequence[Person], *, is_group: bool) -> list[Json]:
        """Return customers as an appointment takes them; those on record with their id, name, mail and phone.

        A group appointment takes nobody who is not on record, and drops unknown ids silently. So an unknown id is
        refused here, and a customer who is not on record has no customerId until `save_unknown`. Other appointments
        get a record with the customer, so those who are found by their address are named by the id of theirs.
        """
        return self.complete_people(business, people, self.type_people(business, people), is_group=is_group)

    def type_people(self, business: str, people: Sequence[Person]) -> list[Json]:
        """Return customers in Graph's form with what the caller gave, and with the questions of their answers."""
        has_answers = any(person.answers for person in people)
        questions = self._graph.list_questions(business) if has_answers else []
        return [typed_customer(person, typed_answers(person.answers, questions)) for person in people]

    def complete_people(
        self, business: str, people: Sequence[Person], typed: Sequence[Json], *, is_group: bool
    ) -> list[Json]:
        """Return typed customers, completed from their records where there are any."""
        records = self._find_records(business, people) if is_group else self._find_some_records(business, people)
        return [
            _with_record(each, self._read(business, person.id) if person.id else records.get(_key(person.mail)))
            for each, person in zip(typed, people, strict=True)
        ]

    def save_unknown(self, business: str, customers: Iterable[Json]) -> list[Json]:
        """Make records of the customers who have no customerId; return all of them with their ids."""
        saved = []
        for customer in customers:
            known = customer
            if not customer.get("customerId"):
                person = Person(name=customer.get("name"), mail=customer["emailAddress"], phone=customer.get("phone"))
                known = customer | {"customerId": self._save(business, person)["id"]}
            saved.append(known)
        return saved

    def _save(self, business: str, person: Person) -> Json:
        if person.id is not None:
            return self._change(business, self._read(business, person.id), person)
        mail = _key(person.mail)
        with self._idempotency.alone(f"{self._connection}|{business.lower()}", f"customer|{mail}"):
            known = self._find(business, {mail}).get(mail)
            return self._change(business, known, person) if known else self._make(business, person)

    def _find_records(self, business: str, people: Sequence[Person]) -> dict[str, Json]:
        """Return by address the records of the people without an id. Raises Invalid for one without an address, too."""
        for person in people:
            if not person.id and not person.mail:
                raise Invalid(
                    "A customer of a group cannot be told from the others. Send emailAddress or customerId.",
                    code="MissingParameter",
                    target="customers",
                )
        return self._find(business, {_key(person.mail) for person in people if not person.id})

    def _find_some_records(self, business: str, people: Sequence[Person]) -> dict[str, Json]:
        """Return by address the records of people without an id, as far as few pages show them.

        Graph makes a record of everybody whom an appointment names without an id, also of those who have one already.
        A second record is better than no appointment, so a failure to look is passed over.
        """
        with suppress(GatewayError):
            return self._find(business, {_key(each.mail) for each in people if each.mail and not each.id}, _SOME_PAGES)
        return {}

    def _find(self, business: str, mails: set[str], most_pages: int = _MOST_PAGES) -> dict[str, Json]:
        """Return the customers with these mail addresses, by address. Graph cannot search, so page by page."""
        found: dict[str, Json] = {}
        link: str | None = None
        for _ in range(most_pages if mails else 0):
            page = self._graph.get_customers(business, link)
            for customer in page.items:
                mail = _key(customer.get("emailAddress"))
                if mail in mails:
                    found.setdefault(mail, customer)
            link = page.next_link
            if link is None or found.keys() == mails:
                break
        return found

    def _read(self, business: str, customer: str) -> Json:
        try:
            return self._graph.get_customer(business, customer)
        except NotFound as error:
            if error.code != "CustomerNotFound":
                raise
            raise Invalid(
                "There is no customer with this id. List the customers, or leave the id out.",
                code="CustomerNotFound",
                target="customerId",
            ) from error

    def _make(self, business: str, person: Person) -> Json:
        phones = [{"number": person.phone, "type": "business"}] if person.phone else None
        body = customer_record(person.name or person.mail, person.mail, phones)
        try:
            made = self._graph.create_customer(business, body)
        except OutcomeUnknown as error:
            found = self._find_made(business, _key(person.mail))
            if found is None:
                raise WriteLost(_LOST, detail=error.detail, upstream_id=error.upstream_id) from error
            made = found
        return _described(made, is_new=True)

    def _change(self, business: str, known: Json, person: Person) -> Json:
        body = customer_record(person.name, person.mail, _phones(known, person.phone))
        changes = {name: value for name, value in body.items() if name[0] != "@" and known.get(name) != value}
        if not changes:
            return _described(known, is_new=False)

        def write() -> None:
            self._graph.update_customer(business, known["id"], {"@odata.type": body["@odata.type"]} | changes)

        def find_result(lost: OutcomeUnknown | None) -> Json | None:
            try:
                fresh = self._graph.get_customer(business, known["id"])
            except GatewayError as unread:
                raise WriteLost(_LOST, detail=unread.detail) from unread
            is_done = lost is None or all(fresh.get(name) == value for name, value in changes.items())
            return fresh if is_done else None

        return _described(recovery.attempt_twice(write, find_result, _LOST), is_new=False)

    def _find_made(self, business: str, mail: str) -> Json | None:
        try:
            return self._find(business, {mail}).get(mail)
        except GatewayError as unread:
            raise WriteLost(_LOST, detail=unread.detail) from unread


def _described(customer: Json, *, is_new: bool) -> Json:
    described: Json = plain(customer)
    return described | {"isNew": is_new}


def _with_record(typed: Json, record: Json | None) -> Json:
    """Return a customer completed from the record, if there is one; what the caller gave comes first."""
    if record is None:
        return typed
    phone = next((each.get("number") for each in record.get("phones") or [] if each.get("number")), None)
    own = {"name": record.get("displayName"), "emailAddress": record.get("emailAddress"), "phone": phone}
    return {name: value for name, value in own.items() if value} | typed | {"customerId": record["id"]}


def _key(mail: object) -> str:
    """Return a mail address in the form in which addresses are compared."""
    return str(mail or "").casefold()


def _phones(known: Json, phone: str | None) -> list[Json] | None:
    """Return the phones with this one first; None if nothing changes."""
    there = [plain(each) for each in known.get("phones") or []]
    if phone is None or phone in [each.get("number") for each in there]:
        return None
    return [{"number": phone, "type": "business"}, *there]
