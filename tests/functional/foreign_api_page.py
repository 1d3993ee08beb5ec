"""Runs in the foreign environment: uses the API page in a browser as a person does, prints what was seen as JSON.

Arguments: the browser's program, the app's base URL, and the file of axe, which checks accessibility; the key comes in
the variable GATEWAY_KEY. What is right is the test's to say.
"""
# mypy: ignore-errors
# ruff: noqa: T201 - a script that prints its result

import json
import os
import sys
from pathlib import Path

from foreign_browser import DRAWN, FLAGS, Seen, open_page
from playwright.sync_api import Page, sync_playwright

PAGES = "#operations-Bookings-ListBookingPages"
APPOINTMENTS = "#operations-Bookings-ListAppointments"
SLOTS = "#operations-Bookings-FindFreeSlots"
BOOK = "#operations-Changing_bookings-CreateAppointment"
MAIL = "#operations-Support_mail-GetMail"
DESIGNERS = "#operations-tag-For_designers"
FIELDS = """found => found.map(row => [row.dataset.paramName, {
  value: row.querySelector("input, select")?.value ?? null,
  picks: [...row.querySelectorAll("datalist option")].map(each => each.value),
}])"""
KEPT = "[{...localStorage}, {...sessionStorage}, document.cookie, location.href]"
USUAL, PHONE = {"width": 1280, "height": 1000}, {"width": 390, "height": 844}
# In a second scheme colours alone differ.
RULES = {"light": {}, "dark": {"runOnly": ["color-contrast", "link-in-text-block"]}}
AXE = """async (rules) => {
  const found = await axe.run({ ...rules, resultTypes: ["violations"], preload: false, iframes: false });
  return found.violations.map(({ impact, id, nodes }) => `${impact} ${id}: ${nodes[0].html.slice(0, 200)}`);
}"""
SLOWEST = 90_000  # milliseconds, on a busy machine


def go(page: Page, base_url: str) -> None:
    page.set_default_timeout(SLOWEST)
    page.goto(f"{base_url}/api/docs")
    page.wait_for_selector(".opblock")
    page.wait_for_selector(".swagger-ui #key")


def give(page: Page, key: str, word: str) -> str:
    """Give a key and return what the page says of it, once it contains a word."""
    page.fill("#key-value", key)
    page.click("#key button[type=submit]")
    page.wait_for_selector(f"#key-state:has-text('{word}')")
    return page.inner_text("#key-state")


def open_operation(page: Page, operation: str) -> None:
    page.click(f"{operation} .opblock-summary-control")
    page.wait_for_selector(f"{operation} .execute")


def execute(page: Page, operation: str) -> dict:
    with page.expect_response("**/api/bookings/businesses*") as answered:
        page.click(f"{operation} .execute")
    status = answered.value.status
    shown = f"{operation} .live-responses-table .response"
    page.wait_for_selector(f"{shown} .response-col_status:has-text('{status}')")
    return {"status": status, "headers": answered.value.request.headers, "text": page.inner_text(shown)}


def read_fields(page: Page, operation: str) -> dict:
    return dict(page.locator(f"{operation} tr[data-param-name]").evaluate_all(FIELDS))


def use_page(seen: Seen, base_url: str, key: str) -> dict:
    """Read the page, give a wrong key, ask, give the right one, ask again, pick; then open more."""
    page = seen.page
    go(page, base_url)
    reported = {"title": page.title(), "shown": page.locator(".opblock:visible").count()}
    reported["form"] = page.inner_text("#key")
    reported["version"] = page.inner_text(".info .version >> nth=0")
    reported["designersOpen"] = page.locator(DESIGNERS).get_attribute("data-is-open")
    page.click(DESIGNERS)
    page.wait_for_selector(f"{DESIGNERS}[data-is-open=true]")
    reported["operations"] = page.locator(".opblock:visible").evaluate_all("found => found.map(each => each.id)")
    open_operation(page, PAGES)
    reported["said"] = {"wrong": give(page, "not-the-key", "refuses")}
    reported["wrong"] = execute(page, PAGES)
    reported["said"]["right"] = give(page, key, "offer")
    reported["right"] = execute(page, PAGES)
    reported |= use_lists(page)
    open_more(page)
    reported["curl"] = page.inner_text(f"{PAGES} .curl-command")
    reported["text"] = page.inner_text("body")
    reported["kept"] = page.evaluate(KEPT)
    return reported | seen.summarise()


def use_lists(page: Page) -> dict:
    """Read what forms are filled with and offer, then pick another booking page."""
    for operation in (APPOINTMENTS, SLOTS, BOOK, MAIL):
        open_operation(page, operation)
    page.wait_for_selector(f"{APPOINTMENTS} [data-param-name=service] datalist option >> nth=0", state="attached")
    page.wait_for_selector(f"{MAIL} [data-param-name=key] datalist option >> nth=0", state="attached")
    found = {name: read_fields(page, name) for name in (APPOINTMENTS, SLOTS, MAIL)}
    page.fill(f"{APPOINTMENTS} [data-param-name=business] input", "itbengaluru@contoso.com")
    first = found[APPOINTMENTS]["service"]["picks"][0]
    page.wait_for_selector(
        f"{APPOINTMENTS} [data-param-name=service] datalist option:not([value='{first}']) >> nth=0", state="attached"
    )
    page.wait_for_selector(
        f"{APPOINTMENTS} [data-param-name=service] datalist option[value='{first}']", state="detached"
    )
    found["picked"] = read_fields(page, APPOINTMENTS)
    found["today"] = page.evaluate("new Date().toISOString().slice(0, 10)")
    return {"fields": found, "body": json.loads(page.input_value(f"{BOOK} textarea"))}


def open_more(page: Page) -> None:
    """Open the first operation of each group and one model: each kind of part that is drawn must keep to the policy."""
    for parts in (
        ".operation-tag-content > span:first-child .opblock:not(.is-open) .opblock-summary-control",
        "#operations-Changing_bookings-CreateAppointment .responses-table .tab .tablinks[data-name=model]",
        "section.models .models-control",
    ):
        page.wait_for_selector(parts, state="attached")
        page.locator(parts).evaluate_all("found => found.forEach(each => each.click())")


def keep_key(page: Page, key: str) -> dict:
    """Keep the key for the tab, and load the page again."""
    page.check("#key-keep")
    give(page, key, "offer")
    page.wait_for_function("sessionStorage.length")
    reported = {"kept": page.evaluate(KEPT)}
    page.reload()
    page.wait_for_selector("#key-state:has-text('offer')")
    return reported


def look(page: Page, axe: str) -> dict:
    """Look at the page, some operations open and one answered: what axe finds, and what is outside the screen."""
    for operation in (PAGES, BOOK):
        open_operation(page, operation)
    execute(page, PAGES)
    page.evaluate(axe)
    looks = {}
    for scheme, rules in RULES.items():
        page.emulate_media(color_scheme=scheme)
        page.evaluate(DRAWN)
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        looks[scheme] = {"faults": page.evaluate(AXE, rules), "background": background}
    overflow = {}
    for name, size in (("desk", USUAL), ("phone", PHONE)):
        page.set_viewport_size(size)
        page.evaluate(DRAWN)
        overflow[name] = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    return {"looks": looks, "overflow": overflow}


def main(program: str, base_url: str, axe: str) -> None:
    key = os.environ["GATEWAY_KEY"]
    code = Path(axe).read_text(encoding="utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS), headless=True)
        try:
            seen = open_page(browser, viewport=USUAL)
            reported = use_page(seen, base_url, key)
            reported["keeping"] = keep_key(seen.page, key)
            reported |= look(seen.page, code)
            seen.page.click("#key-forget")
            reported["keeping"]["forgotten"] = seen.page.evaluate(KEPT)
        finally:
            browser.close()
    print(json.dumps(reported))


if __name__ == "__main__":
    main(*sys.argv[1:])
