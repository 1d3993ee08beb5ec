"""Runs in the foreign environment: opens the console as people do who have signed in, or not; prints what was seen.

Arguments: the browser's program, the app's base URL, and as JSON the header that the platform's sign-in would write for
each of them (null: nobody has signed in). What is right is the test's to say.
"""
# mypy: ignore-errors
# ruff: noqa: T201 - a script that prints its result

import json
import sys

from foreign_browser import FLAGS
from playwright.sync_api import Browser, sync_playwright

SHOWN = "form.key, .person"


def look(browser: Browser, base_url: str, header: str | None) -> dict:
    headers = {"X-MS-CLIENT-PRINCIPAL": header} if header else {}
    page = browser.new_context(extra_http_headers=headers).new_page()
    asked, answered = [], []
    page.on("request", lambda request: asked.append([request.url, dict(request.headers)]))
    page.on("response", lambda response: answered.append([response.url, response.status]))
    page.goto(f"{base_url}/api/console")
    page.wait_for_selector(SHOWN)
    page.wait_for_load_state("networkidle")
    link = page.locator("a[href*='/.auth/login']")
    return {
        "heading": page.locator("h1").inner_text(),
        "person": page.locator(".person").inner_text() if page.locator(".person").count() else None,
        "signIn": link.get_attribute("href") if link.count() else None,
        "text": page.locator("main").inner_text(),
        "asked": [url for url, _ in asked],
        "keys": [headers["x-functions-key"] for _, headers in asked if "x-functions-key" in headers],
        "refused": [one for one in answered if one[1] >= 400],
    }


def main() -> None:
    program, base_url, headers = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        print(json.dumps({name: look(browser, base_url, header) for name, header in headers.items()}))
        browser.close()


main()
