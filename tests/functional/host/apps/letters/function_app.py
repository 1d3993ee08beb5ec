"""Queue triggers and outputs. ``SEEN`` lets tests see what arrived."""

import json
import queue
import threading
import typing
from typing import Any

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
SEEN: "queue.Queue[dict[str, Any]]" = queue.Queue()
GATE = threading.Event()


def note(name: str, msg: func.QueueMessage) -> str:
    body = msg.get_body().decode()
    SEEN.put({"function": name, "body": body, "id": msg.id, "count": msg.dequeue_count, "next": msg.time_next_visible})
    return body


@app.queue_trigger(arg_name="msg", queue_name="%LETTERS_QUEUE%", connection="")
def read_letter(msg: func.QueueMessage) -> None:
    if note("read_letter", msg) == "bad":
        raise RuntimeError("cannot be read")


@app.queue_trigger(arg_name="msg", queue_name="slow-letters", connection="AzureWebJobsStorage")
def read_slowly(msg: func.QueueMessage) -> None:
    note("read_slowly", msg)
    GATE.wait(30)


@app.queue_trigger(arg_name="msg", queue_name="letters-poison", connection="")
def read_poison(msg: func.QueueMessage) -> None:
    note("read_poison", msg)
    raise RuntimeError("poison all the way down")


@app.queue_trigger(arg_name="msg", queue_name="chain-in", connection="")
@app.queue_output(arg_name="out", queue_name="chain-out", connection="")
def pass_on(msg: func.QueueMessage, out: func.Out[str]) -> None:
    out.set(note("pass_on", msg) + " passed on")


@app.queue_trigger(arg_name="msg", queue_name="chain-out", connection="")
def receive_passed(msg: func.QueueMessage) -> None:
    note("receive_passed", msg)


@app.route(methods=["POST"])
@app.queue_output(arg_name="one", queue_name="out-one", connection="")
@app.queue_output(arg_name="many", queue_name="out-many", connection="")
def send(
    req: func.HttpRequest,
    one: func.Out[str],
    many: func.Out[typing.List[str]],  # noqa: UP006  the worker refuses list[str]
) -> str:
    order = req.get_json()
    if "one" in order:
        one.set(order["one"])
    if "many" in order:
        many.set(order["many"])
    return json.dumps(order)


@app.route(methods=["POST"])
@app.queue_output(arg_name="raw", queue_name="out-one", connection="")
def send_bytes(req: func.HttpRequest, raw: func.Out[bytes]) -> str:
    raw.set(req.get_body())
    return "sent"


@app.queue_trigger(arg_name="msg", queue_name="returns-in", connection="")
@app.queue_output(arg_name="$return", queue_name="returns-out", connection="")
def answer_letter(msg: func.QueueMessage) -> str:
    return "answer to " + note("answer_letter", msg)
