"""Runs in the foreign environment: opens the app's pages in a browser as a person does, prints what was seen as JSON.

Arguments: the browser's program and the app's base URL; the key comes in the variable GATEWAY_KEY. What is right is
the test's to say.
"""
# mypy: ignore-errors
# ruff: noqa: T201 - a script that prints its result

import json
import os
import sys

from playwright.sync_api import Browser, Page, sync_playwright

FLAGS = (
    "--no-sandbox",
    "--no-proxy-server",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WATCH_POLICY = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => window.violations.push(event.blockedURI));
"""


class Seen:
    """What a page did: its requests, its complaints, and what broke its policy."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.urls = []
        self.complaints = []
        page.add_init_script(WATCH_POLICY)
        page.on("request", lambda request: self.urls.append(request.url))
        page.on("console", lambda message: self.complain(message.type, message.text, message.location))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def complain(self, kind: str, text: str, location: dict) -> None:
        if kind in {"error", "warning"}:
            self.complaints.append(f"{kind} at {location.get('url')}: {text}")

    def summarise(self) -> dict:
        return {
            "urls": self.urls,
            "complaints": self.complaints,
            "violations": self.page.evaluate("window.violations"),
        }


def open_page(browser: Browser, **options: object) -> Seen:
    size = {"viewport": {"width": 1280, "height": 1000}}
    return Seen(browser.new_context(**size | options).new_page())


def use_status(browser: Browser, base_url: str, key: str) -> dict:
    seen = open_page(browser, extra_http_headers={"x-functions-key": key})
    answer = seen.page.goto(f"{base_url}/api/status")
    reported = {"status": answer.status, "text": seen.page.inner_text("body")}
    reported["overflow"] = seen.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    return reported | seen.summarise()


def main(program: str, base_url: str) -> None:
    key = os.environ["GATEWAY_KEY"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS), headless=True)
        try:
            reported = {"status": use_status(browser, base_url, key)}
        finally:
            browser.close()
    print(json.dumps(reported))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
