"""HTTP functions: routes, levels, bodies, and every way to return."""
# ruff: noqa: ARG001  the platform passes the request to every function

import json
import logging
import os
import threading
import time
from typing import Any

import azure.functions as func

app = func.FunctionApp()
FINISHED = threading.Semaphore(0)
GATE = threading.Event()
REPLY: dict[str, Any] = {}  # what `replies` is to answer


class Running:
    """How many calls run at once, and the most that did."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self.now -= 1


RUNNING = Running()


def describe(req: func.HttpRequest, context: func.Context | None = None) -> func.HttpResponse:
    seen = {
        "method": req.method,
        "url": req.url,
        "headers": dict(req.headers),
        "params": dict(req.params),
        "route": dict(req.route_params),
        "body": req.get_body().decode("latin-1"),
        "trace": context.trace_context.trace_parent if context else None,
    }
    return func.HttpResponse(json.dumps(seen), mimetype="application/json")


@app.route(route="echo", auth_level=func.AuthLevel.ANONYMOUS)
def echo(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return describe(req, context)


@app.route(route="nobody", auth_level=func.AuthLevel.ANONYMOUS)
def nobody(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse()


@app.route(route="items/{id}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def get_item(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(f"get_item {req.route_params['id']}")


@app.route(route="items/recent", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def recent_items(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("recent_items")


@app.route(route="Numbers/{value}", methods=["GET", "POST"], auth_level=func.AuthLevel.ANONYMOUS)
def numbers(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(str(req.route_params["value"]))


@app.route(route="views/{view}", auth_level=func.AuthLevel.ANONYMOUS)
def views(req: func.HttpRequest) -> func.HttpResponse:
    return describe(req)


@app.route(methods=["GET"])
def keyed(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("opened")


@app.route(methods=["GET"], auth_level=func.AuthLevel.ADMIN)
def masters_only(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("opened")


@app.route(methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def switched_off(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("ran all the same")


@app.route(route="returns/none", auth_level=func.AuthLevel.ANONYMOUS)
def returns_none(req: func.HttpRequest):  # type: ignore[no-untyped-def]  # noqa: ANN201  the annotation would fail indexing
    pass


@app.route(route="returns/dict", auth_level=func.AuthLevel.ANONYMOUS)
def returns_dict(req: func.HttpRequest):  # type: ignore[no-untyped-def]  # noqa: ANN201  as above
    return {"a": 1}


@app.route(route="returns/error", auth_level=func.AuthLevel.ANONYMOUS)
def returns_error(req: func.HttpRequest) -> str:
    raise RuntimeError("the secret reason")


@app.route(route="returns/cookies", auth_level=func.AuthLevel.ANONYMOUS)
def returns_cookies(req: func.HttpRequest) -> func.HttpResponse:
    response = func.HttpResponse("cookies")
    response.headers.add("Set-Cookie", "a=1; Path=/; HttpOnly")
    return response


@app.route(route="returns/text", auth_level=func.AuthLevel.ANONYMOUS)
def returns_text(req: func.HttpRequest) -> str:
    return "text"


@app.route(route="replies", auth_level=func.AuthLevel.ANONYMOUS)
def replies(req: func.HttpRequest) -> func.HttpResponse:
    answer = func.HttpResponse(REPLY.get("body", "").encode(), status_code=REPLY["status"])
    del answer.headers["Content-Type"]
    for name, value in REPLY.get("headers", []):
        answer.headers.add(name, value)
    return answer


@app.route(auth_level=func.AuthLevel.ANONYMOUS)
def slow(req: func.HttpRequest) -> func.HttpResponse:
    time.sleep(float(req.params["seconds"]))
    FINISHED.release()
    return func.HttpResponse("done")


@app.route(auth_level=func.AuthLevel.ANONYMOUS)
def waits_at_the_gate(req: func.HttpRequest) -> func.HttpResponse:
    with RUNNING:
        GATE.wait(60)
    return func.HttpResponse("done")


@app.route(auth_level=func.AuthLevel.ANONYMOUS)
def logs(req: func.HttpRequest) -> func.HttpResponse:
    logging.getLogger("shop").info("a line of the app")
    logging.getLogger("azure.functions.shop").warning("a line on a system logger")
    return func.HttpResponse(os.environ.get("GREETING", "no greeting"))
