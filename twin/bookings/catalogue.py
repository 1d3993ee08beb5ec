"""Services, staff, customers and custom questions: five operations on each of four collections."""

from dataclasses import dataclass

from twin.bookings.access import enter_business, read_body
from twin.bookings.errors import refuse_item, refuse_unknown
from twin.bookings.options import answer_list, check_entity_options, check_list_options, check_no_options
from twin.bookings.render import make_business_context, make_view, render
from twin.bookings.state import Bookings, Business
from twin.core.routes import Routes
from twin.core.wire import Call, Json, Reply
from twin.graph.odata import answer_entity

catalogue = Routes[Bookings]("/v1.0/solutions/bookingBusinesses/{business}")

MOST_STAFF = 100


@dataclass(frozen=True, slots=True)
class Collection:
    """One of the four. `declared` is the type in the metadata, `type_name` the one its objects have.

    PATCH answers differ by kind on the reference pages: 204 without a body, or 200 with the object.
    """

    path: str
    noun: str
    plural: str
    type_name: str
    declared: str
    required: tuple[str, ...]
    patch_answers_object: bool


COLLECTIONS = (
    Collection(
        "services",
        "Service",
        "Services",
        "bookingService",
        "bookingService",
        ("displayName",),
        patch_answers_object=False,
    ),
    Collection(
        "staffMembers",
        "StaffMember",
        "StaffMembers",
        "bookingStaffMember",
        "bookingStaffMemberBase",
        ("displayName", "emailAddress", "role"),
        patch_answers_object=False,
    ),
    Collection(
        "customers",
        "Customer",
        "Customers",
        "bookingCustomer",
        "bookingCustomerBase",
        ("displayName",),
        patch_answers_object=True,
    ),
    Collection(
        "customQuestions",
        "CustomQuestion",
        "CustomQuestions",
        "bookingCustomQuestion",
        "bookingCustomQuestion",
        ("displayName",),
        patch_answers_object=True,
    ),
)


def _mount(kind: Collection) -> None:
    """Register the five operations of a collection."""

    @catalogue.get(f"/{kind.path}")
    def list_items(call: Call, bookings: Bookings) -> Reply:
        business = enter_business(call, bookings, f"List{kind.plural}")
        check_list_options(call, kind.type_name, bookings.switches)
        view = make_view(call, single=False)
        context = make_business_context(call, business, f"/{kind.path}")
        items = business.shelf(kind.path).all()
        return answer_list(call, context, items, lambda one: render(one, kind.type_name, view), bookings.switches)

    @catalogue.post(f"/{kind.path}")
    def create_item(call: Call, bookings: Bookings) -> Reply:
        check_no_options(call)
        business = enter_business(call, bookings, f"Create{kind.noun}")
        body = read_body(call, kind.declared)
        shelf = business.shelf(kind.path)
        is_full = kind.path == "staffMembers" and len(shelf) >= MOST_STAFF
        if is_full or any(not body.get(name) for name in kind.required):
            raise refuse_unknown()
        return _answer_item(call, business, kind, shelf.get(shelf.add(body)), status=201)

    @catalogue.get(f"/{kind.path}/{{id}}")
    def get_item(call: Call, bookings: Bookings) -> Reply:
        business = enter_business(call, bookings, f"Get{kind.noun}")
        check_entity_options(call, kind.type_name)
        return _answer_item(call, business, kind, _find(business, kind, call["id"]))

    @catalogue.patch(f"/{kind.path}/{{id}}")
    def update_item(call: Call, bookings: Bookings) -> Reply:
        check_no_options(call)
        business = enter_business(call, bookings, f"Update{kind.noun}")
        _find(business, kind, call["id"])
        changed = business.shelf(kind.path).patch(call["id"], read_body(call, kind.declared))
        return _answer_item(call, business, kind, changed) if kind.patch_answers_object else Reply(204)

    @catalogue.delete(f"/{kind.path}/{{id}}")
    def delete_item(call: Call, bookings: Bookings) -> Reply:
        check_no_options(call)
        business = enter_business(call, bookings, f"Delete{kind.noun}")
        _find(business, kind, call["id"])
        if kind.path == "customers" and bookings.switches.customer_delete_fails:
            raise refuse_unknown()
        business.shelf(kind.path).remove(call["id"])
        return Reply(204)


for _kind in COLLECTIONS:
    _mount(_kind)


def _find(business: Business, kind: Collection, item_id: str) -> Json:
    shelf = business.shelf(kind.path)
    if item_id not in shelf:
        raise refuse_item()
    return shelf.get(item_id)


def _answer_item(call: Call, business: Business, kind: Collection, values: Json, *, status: int = 200) -> Reply:
    shown = render(values, kind.type_name, make_view(call, single=True))
    return answer_entity(make_business_context(call, business, f"/{kind.path}/$entity"), shown, status=status)
