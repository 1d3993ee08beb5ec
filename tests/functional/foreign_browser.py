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
OPERATION = "#operations-Bookings-ListBookingPages"
DESIGNERS = "#operations-tag-For_designers"
ANSWER = f"{OPERATION} .live-responses-table .response"
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
    return Seen(browser.new_context(viewport={"width": 1280, "height": 1000}, **options).new_page())


def use_docs(browser: Browser, base_url: str, key: str) -> dict:
    """Read the page, give a wrong key, ask, give the right one, ask again; then open all, as each change draws all."""
    seen = open_page(browser)
    page = seen.page
    page.goto(f"{base_url}/api/docs")
    page.wait_for_selector(".opblock")
    reported = {"title": page.title(), "shown": page.locator(".opblock:visible").count()}
    reported["designersOpen"] = page.locator(DESIGNERS).get_attribute("data-is-open")
    page.click(DESIGNERS)
    page.wait_for_selector(f"{DESIGNERS}[data-is-open=true]")
    reported["operations"] = page.locator(".opblock:visible").evaluate_all("found => found.map(each => each.id)")
    page.click(f"{OPERATION} .opblock-summary-control")
    for name, given in (("wrong", "not-the-key"), ("right", key)):
        authorize(page, given)
        with page.expect_response("**/api/bookings/businesses") as answered:
            page.click(f"{OPERATION} .execute")
        status = answered.value.status
        page.wait_for_selector(f"{ANSWER} .response-col_status:has-text('{status}')")
        reported[name] = {"status": status, "headers": answered.value.request.headers, "text": page.inner_text(ANSWER)}
    open_everything(page)
    reported["curl"] = page.inner_text(f"{OPERATION} .curl-command")
    reported["text"] = page.inner_text("body")
    reported["kept"] = page.evaluate("[{...localStorage}, {...sessionStorage}, document.cookie, location.href]")
    return reported | seen.summarise()


def open_everything(page: Page) -> None:
    """Open every operation and one model: all that the viewer can draw must keep to the policy."""
    for parts in (
        ".opblock:not(.is-open) .opblock-summary-control",
        "#operations-Changing_bookings-CreateAppointment .responses-table .tab .tablinks[data-name=model]",
        "section.models .models-control",
    ):
        page.wait_for_selector(parts, state="attached")
        page.locator(parts).evaluate_all("found => found.forEach(each => each.click())")


def authorize(page: Page, key: str) -> None:
    page.click(".auth-wrapper > .authorize")
    if page.locator(".auth-container button:has-text('Logout')").count():
        page.click(".auth-container button:has-text('Logout')")
    page.fill(".auth-container input", key)
    page.click(".auth-container button.authorize")
    page.click(".auth-container .btn-done")
    page.wait_for_selector(".dialog-ux", state="detached")


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
            reported = {"docs": use_docs(browser, base_url, key), "status": use_status(browser, base_url, key)}
        finally:
            browser.close()
    print(json.dumps(reported))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
