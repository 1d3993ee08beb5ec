"""Routes about the gateway itself that no flow uses: described for clients only, not in the connector's definition."""

from devkit.connector.failures import SHAPES, header
from devkit.connector.operations import Operation, describe
from devkit.connector.parameters import query
from devkit.connector.shapes import Shape, flag, list_of, moment, text, thing
from devkit.connector.status_shapes import ISSUE, LEVEL

_KEYLESS: Operation = {"security": []}
_NAME = {"type": "string"}
_FAILURE = SHAPES["FailureDetails"]["properties"]

_HEALTH = thing(
    {
        "status": text("Status", "Whether settings are right.", choices=("ok", "degraded", "misconfigured")),
        "credentialsExpireSoon": flag("Expiring", "Whether a stored credential expires within 14 days."),
        "settingsRefused": list_of(_NAME, "Refused", "Settings whose blob is refused."),
        "schedulesRefused": list_of(_NAME, "Wrong Schedules", "Schedules that are wrong or not set, by setting."),
        "settings": list_of(_NAME, "Wrong Settings", "App settings that are wrong, by name only."),
    },
    name="Health",
    required=["status"],
)
_CHECK = thing(
    {
        "name": text("Name", "sign-in, graph, vault, storage, settings, mail-settings, schedule, timer or mailbox."),
        "about": text("About", "Which connection, setting, function or mailbox it is; empty if there is one only."),
        "state": text("State", "Whether it serves, as far as it is known.", choices=("ok", "failed", "unknown")),
        "sinceDateTime": moment("Since", "Since when it is so, in UTC."),
        "seenDateTime": moment("Seen", "When it was seen last, in UTC."),
        **{name: _FAILURE[name] for name in ("code", "message", "entraError", "entraCorrelationId")},
    },
    name="ReadinessCheck",
    required=["name", "about", "state"],
)
_READINESS = thing(
    {
        "status": text("Status", "Whether it is able to answer.", choices=("ready", "unknown", "notReady")),
        "healthy": flag("Healthy", "Whether nothing critical is known."),
        "level": LEVEL,
        "message": text("Message", "One sentence about the gateway as a whole."),
        "issues": list_of(ISSUE, "Issues", "What is wrong, the worst first."),
        "checks": list_of(_CHECK, "Checks", "What it depends on."),
    },
    name="Readiness",
    required=["status", "healthy", "level", "message", "issues", "checks"],
)


_STEP = thing(
    {
        "step": text("Step", "What was tried."),
        "about": text("About", "The connection, mailbox, sink or setting that it concerns; else empty."),
        "status": text("Step Status", "What came of it.", choices=("ok", "warn", "fail", "skipped")),
        "message": text("Message", "What was found."),
        "remedy": text("Remedy", "What mends it, if something is wrong.", null=True),
    },
    name="DoctorStep",
    required=["step", "about", "status", "message"],
)
_EXAMINATION = thing(
    {
        "status": text("Status", "The worst result of a step.", choices=("ok", "warn", "fail")),
        "steps": list_of(_STEP, "Steps", "What was tried, each after the steps that it needs."),
    },
    name="Examination",
    required=["status", "steps"],
)


def _also_when_away(operation: Operation, shape: Shape, description: str) -> Operation:
    """Let an operation answer 503 with the same shape as 200, instead of a failure."""
    operation["responses"]["503"] = {"description": description, "schema": shape}
    return operation


def _describe_health() -> Operation:
    described = describe(
        "GetHealth", "Get whether the gateway is alive", "Gets whether the gateway is alive.", _HEALTH, failing=(503,)
    )
    return _also_when_away(described, _HEALTH, "Settings are wrong.") | _KEYLESS


def _describe_readiness() -> Operation:
    described = describe(
        "GetReadiness",
        "Get whether the gateway is able to answer",
        "Gets whether mailboxes, timers and the services that the gateway depends on are well.",
        _READINESS,
        parameters=[
            query("check", "Check", "Calls each of them first, within 8 seconds.", enum=["now"]),
            query("scope", "Scope", "Whether the whole is asked for, or this instance.", enum=["all", "instance"]),
        ],
        failing=(400, 401, 500, 503),
    )
    _also_when_away(described, _READINESS, "Something is known to fail.")
    described["responses"]["503"]["headers"] = header("Retry-After")
    return described


def _describe_doctor() -> Operation:
    return describe(
        "ExamineGateway",
        "Examine everything that the gateway depends on",
        "Tries sign-in, vault, Graph, mailboxes, sinks, storage and timers, within 90 seconds, and says what mends "
        "what fails. It needs the master key of the function app.",
        _EXAMINATION,
        parameters=[
            query("refusedMailbox", "Refused Mailbox", "A mailbox that the app must not be able to open, by its "
                  "address.")
        ],
        failing=(400, 401, 500, 503, 504),
    )  # fmt: skip


def _describe_description() -> Operation:
    described = describe(
        "GetDescription",
        "Get the description of the API",
        "Gets this text, with the address of this gateway.",
        thing({}, name="Description"),
        failing=(400, 404, 500),
        also={304: "The text is the one whose ETag stands in If-None-Match."},
    )
    described["parameters"] = [
        {"name": "If-None-Match", "in": "header", "type": "string", "required": False,
         "description": "The ETag of the text that the caller has."}
    ]  # fmt: skip
    for status in ("200", "304"):
        described["responses"][status]["headers"] = header("ETag")
    return described | _KEYLESS


OPERATIONS: dict[str, dict[str, Operation]] = {
    "/health": {"get": _describe_health()},
    "/health/ready": {"get": _describe_readiness()},
    "/doctor": {"get": _describe_doctor()},
    "/openapi.json": {"get": _describe_description()},
}
