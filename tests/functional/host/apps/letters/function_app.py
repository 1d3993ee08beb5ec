"""Queue triggers. ``SEEN`` lets tests see what arrived."""

import queue
import threading
from typing import Any

import azure.functions as func

app = func.FunctionApp()
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
