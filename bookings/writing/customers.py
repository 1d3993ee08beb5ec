"""The customers of a business: found by mail address, made or changed, and named as appointments need them."""

from collections.abc import Iterable, Sequence

from bookings.describe import plain
from bookings.writing.graph_bodies import MOST_CUSTOMERS, Person, customer_record, typed_answers, typed_customer
from shared.errors import GatewayError, Invalid, NotFound, OutcomeUnknown
from shared.graph.bookings import GraphBookings
from shared.json_text import Json
from shared.storage.idempotency import IdempotencyStore, WriteLost

_MOST_PAGES = 200
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

    def save(self, business: str, person: Person) -> Json:
        """Change the customer with this id, or with this mail address, or make one; return it, and whether it is new.

        Raises NotFound for an unknown id, WriteLost when nobody can tell.
        """
        if person.id is not None:
            return self._change(business, self._read(business, person.id), person)
        with self._idempotency.alone(
            f"{self._connection}|{business.lower()}", f"customer|{str(person.mail).casefold()}"
        ):
            known = self.find(business, str(person.mail))
            return self._change(business, known, person) if known else self._make(business, person)

    def find(self, business: str, mail: str) -> Json | None:
        """Return the customer with this mail address: Graph cannot search, so page by page."""
        link: str | None = None
        for _ in range(_MOST_PAGES):
            page = self._graph.get_customers(business, link)
            for customer in page.items:
                if str(customer.get("emailAddress") or "").casefold() == mail.casefold():
                    return customer
            link = page.next_link
            if link is None:
                break
        return None

    def name_all(self, business: str, people: Sequence[Person], *, is_group: bool) -> list[Json]:
        """Return customers as an appointment takes them; with a customerId name, mail and phone of the record.

        A group appointment takes nobody who is not on record, and drops unknown ids without a word: so who is unknown
        by mail address is still without a customerId here (`enlist`), and an unknown id is refused.
        """
        if len(people) > MOST_CUSTOMERS:
            raise Invalid(
                f"Microsoft Bookings takes {MOST_CUSTOMERS} customers at most in one call.",
                code="TooManyCustomers",
                target="customers",
            )
        asked = any(person.answers for person in people)
        questions = self._graph.list_questions(business) if asked else []
        return [self._name(business, person, questions, is_group=is_group) for person in people]

    def enlist(self, business: str, customers: Iterable[Json]) -> list[Json]:
        """Put those without a customerId on record."""
        listed = []
        for customer in customers:
            known = customer
            if not customer.get("customerId"):
                person = Person(name=customer.get("name"), mail=customer["emailAddress"], phone=customer.get("phone"))
                known = customer | {"customerId": self.save(business, person)["id"]}
            listed.append(known)
        return listed

    def _name(self, business: str, person: Person, questions: Sequence[Json], *, is_group: bool) -> Json:
        typed = typed_customer(person, typed_answers(person.answers, questions))
        record: Json | None = None
        if person.id is not None:
            record = self._read(business, person.id)
        elif is_group:
            if not person.mail:
                raise Invalid(
                    "A customer of a group appointment needs emailAddress or customerId.",
                    code="MissingParameter",
                    target="customers",
                )
            record = self.find(business, person.mail)
        if record is None:
            return typed
        phone = next((each.get("number") for each in record.get("phones") or [] if each.get("number")), None)
        own = {"name": record.get("displayName"), "emailAddress": record.get("emailAddress"), "phone": phone}
        return {name: value for name, value in own.items() if value} | typed | {"customerId": record["id"]}

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
            found = self._look(business, person)
            if found is None:
                raise WriteLost(_LOST, detail=error.detail, upstream_id=error.upstream_id) from error
            made = found
        return _described(made, is_new=True)

    def _change(self, business: str, known: Json, person: Person) -> Json:
        body = customer_record(person.name, person.mail, _phones(known, person.phone))
        changes = {name: value for name, value in body.items() if name[0] != "@" and known.get(name) != value}
        if not changes:
            return _described(known, is_new=False)
        for is_last in (False, True):
            error: OutcomeUnknown | None = None
            try:
                self._graph.update_customer(business, known["id"], {"@odata.type": body["@odata.type"]} | changes)
            except OutcomeUnknown as lost:
                error = lost
            try:
                fresh = self._graph.get_customer(business, known["id"])
            except GatewayError as unread:
                raise WriteLost(_LOST, detail=unread.detail) from unread
            if error is None or all(fresh.get(name) == value for name, value in changes.items()):
                return _described(fresh, is_new=False)
            if is_last:
                raise WriteLost(_LOST, detail=error.detail, upstream_id=error.upstream_id) from error
        raise AssertionError

    def _look(self, business: str, person: Person) -> Json | None:
        try:
            return self.find(business, str(person.mail))
        except GatewayError as unread:
            raise WriteLost(_LOST, detail=unread.detail) from unread


def _described(customer: Json, *, is_new: bool) -> Json:
    described: Json = plain(customer)
    return described | {"isNew": is_new}


def _phones(known: Json, phone: str | None) -> list[Json] | None:
    """Return the phones with this one first; None where nothing changes."""
    there = [plain(each) for each in known.get("phones") or []]
    if phone is None or phone in [each.get("number") for each in there]:
        return None
    return [{"number": phone, "type": "business"}, *there]
