"""Runs in the foreign environment: uses the console's mails by keyboard alone, and prints what was seen as JSON.

Arguments: the browser's program and the app's base URL; the key comes in the variable GATEWAY_KEY, and in TRIALS what
to look for: {"ticket", "again", "join", "aside", "unknown"}, a ticket's number and keys of four mails in
quarantine. What is right is the test's to say.
"""
# mypy: ignore-errors
# ruff: noqa: T201 - a script that prints its result

import json
import os
import sys
from pathlib import Path

from playwright.sync_api import Page, Route, sync_playwright

FLAGS = ("--no-sandbox", "--no-proxy-server", "--disable-gpu", "--no-first-run", "--disable-background-networking")
MOST_STEPS = 80
WATCH_POLICY = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => window.violations.push(event.blockedURI));
"""
ASKED = "yes => document.activeElement.innerText === yes"
CHANGED = """before => {
    const first = document.querySelector("table.cards tbody th a")?.href;
    return first && first !== before[0];
}"""
BARRIERS = """async () => {
    const { violations } = await axe.run(document, { resultTypes: ["violations"] });
    return violations.map(({ id, impact, nodes }) => `${impact} ${id} ${nodes.map((node) => node.html).join(" ")}`);
}"""
FOCUS = """() => {
    const found = document.activeElement;
    const label = found.labels?.[0]?.innerText ?? found.getAttribute("aria-label") ?? "";
    return ["BODY", "MAIN"].includes(found.tagName) ? "" : `${found.innerText ?? ""} ${label}`.trim();
}"""


class Person:
    """Somebody without a mouse."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.urls, self.complaints, self.barriers, self.looks = [], [], [], 0
        page.add_init_script(WATCH_POLICY)
        page.on("request", lambda request: self.urls.append(request.url))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def tab_to(self, text: str) -> None:
        """Press Tab until the focus is on what has this text or label."""
        for _ in range(MOST_STEPS):
            self.page.keyboard.press("Tab")
            if text in self.page.evaluate(FOCUS):
                return
        raise AssertionError(f"{text!r} cannot be reached by Tab")

    def press(self, text: str) -> None:
        self.tab_to(text)
        self.page.keyboard.press("Enter")

    def write(self, label: str, text: str) -> None:
        self.tab_to(label)
        self.page.keyboard.press("Control+A")
        self.page.keyboard.type(text)

    def follow(self, address: str) -> None:
        """Open the page at an address inside of it, as by a link that somebody sent, and wait for its data."""
        self.page.evaluate("address => { window.location.hash = address; }", address)
        self.page.wait_for_selector("ol.story li, table.cards, p.empty")

    def note_barriers(self, where: str) -> None:
        """Note what axe finds on the page as it is now, in light and in dark."""
        for scheme in ("dark", "light"):
            self.page.emulate_media(color_scheme=scheme)
            if not self.page.evaluate("() => Boolean(window.axe)"):
                self.page.evaluate(Path(os.environ["AXE"]).read_text(encoding="utf-8"))
            found = self.page.evaluate(BARRIERS)
            self.barriers += [f"{where}, {scheme}: {each}" for each in found]
        self.looks += 1

    def read_events(self) -> list[str]:
        return self.page.locator("ol.story li").evaluate_all("found => found.map(each => each.className)")


def sign_in(person: Person, base_url: str, key: str) -> None:
    person.page.goto(f"{base_url}/api/console")
    person.write("Function key", key)
    person.page.keyboard.press("Enter")
    person.page.wait_for_selector("nav[aria-label=Views]")
    # The page moves the focus to its contents a moment later; a key that is pressed before would go astray.
    person.page.wait_for_function("() => document.activeElement?.id === 'main'")


def find_ticket(person: Person, ticket: str) -> dict:
    """Find a mail by its ticket, and open it."""
    page = person.page
    person.press("Mails")
    page.wait_for_selector("table.cards tbody tr")
    person.write("Ticket, author or subject", ticket.lower())
    page.keyboard.press("Enter")
    page.wait_for_selector("table.cards tbody tr:only-child")
    reported = {"row": page.inner_text("table.cards tbody tr"), "hash": page.evaluate("location.hash")}
    reported["counts"] = page.inner_text(".counts")
    reported["link"] = page.get_attribute("table.cards tbody td a", "href")
    person.note_barriers("list")
    person.press("Printer")
    page.wait_for_selector("ol.story li.delivered")
    reported["said"] = page.inner_text("ol.story")
    person.press("Text of the mail")
    return reported | {"text": page.inner_text(".mail-text"), "bold": page.locator(".mail-text b").count()}


def list_quarantine(person: Person) -> list[str]:
    person.follow("#/mails?state=quarantined")
    person.page.wait_for_function("() => document.querySelectorAll('table.cards tbody tr').length === 4")
    return person.page.locator("table.cards tbody th").evaluate_all("found => found.map(each => each.innerText)")


def turn_pages(person: Person) -> dict:
    """Go to older mails and back to the newest, where a page has two."""
    page = person.page
    page.route("**/api/mails?*", lambda route: route.continue_(url=route.request.url.replace("limit=50", "limit=2")))
    seen = []
    for press in (None, "Older", "Newest"):
        if press:
            person.press(press)
            page.wait_for_function(CHANGED, arg=seen[-1])
        else:
            person.follow("#/mails")
            page.wait_for_function("() => document.querySelectorAll('table.cards tbody tr').length === 2")
        seen.append(page.locator("table.cards tbody th a").evaluate_all("found => found.map(each => each.href)"))
    page.unroute("**/api/mails?*")
    return {"pages": seen, "counts": page.inner_text(".counts")}


def decide(person: Person, key: str, action: str, yes: str, reason: str) -> None:
    person.follow(f"#/mails/rehearsal/{key}")
    person.page.wait_for_selector("ol.story li.quarantined")
    if not person.page.input_value("#by"):
        person.write("Your name", "Anna")
    person.press(action)
    person.write("Reason", reason)
    person.page.keyboard.press("Enter")
    person.page.wait_for_function(ASKED, arg=yes)


def deliver_again(person: Person, key: str) -> dict:
    """Deliver a mail again with a key that may not, and then with another one."""
    page, sent = person.page, []

    def refuse_first(route: Route) -> None:
        sent.append(route.request.headers.get("x-functions-key"))
        if len(sent) == 1:
            route.fulfill(status=401, body="")
        else:
            route.continue_()

    page.route("**/deliver", refuse_first)
    decide(person, key, "Deliver again", "Yes, deliver it again", "the customer is known")
    page.keyboard.press("Enter")
    page.wait_for_selector(".act .failure")
    person.note_barriers("refused")
    refused = page.inner_text(".act .failure")
    person.write("A key that may", os.environ["GATEWAY_KEY"])
    page.keyboard.press("Enter")
    person.press("Deliver again …")
    page.wait_for_function(ASKED, arg="Yes, deliver it again")
    page.keyboard.press("Enter")
    page.wait_for_selector(".actions > .said:has-text('Done')")
    said, focused = page.inner_text(".actions > .said"), page.evaluate(FOCUS)
    page.wait_for_selector("ol.story li.delivered", timeout=60_000)
    page.unroute("**/deliver")
    return {
        "refused": refused, "sent": len(sent), "said": said, "focused": focused, "events": person.read_events(),
        "story": page.inner_text("ol.story"), "rest": page.inner_text(".actions"),
    }  # fmt: skip


def join(person: Person, key: str, ticket: str) -> dict:
    """Add a mail to a ticket: to one that does not exist, and then to one that does."""
    page = person.page
    person.follow(f"#/mails/rehearsal/{key}")
    page.wait_for_selector("ol.story li.quarantined")
    person.press("Add to a ticket")
    seen = []
    for number, waited in (("I000101_00001", ".act .failure"), (ticket, ".actions > .said:has-text('Done')")):
        person.write("Number of the ticket", number)
        page.keyboard.press("Enter")
        page.wait_for_function(ASKED, arg="Yes, add it")
        page.keyboard.press("Enter")
        page.wait_for_selector(waited)
        seen.append(page.inner_text(waited))
    page.wait_for_selector("ol.story li.delivered", timeout=60_000)
    return {"seen": seen, "story": page.inner_text("ol.story")}


def set_aside(person: Person, key: str) -> dict:
    page = person.page
    decide(person, key, "Set aside", "Yes, set it aside", "the robot is known")
    person.note_barriers("asked")
    by = page.input_value("#by")
    person.press("No")
    page.wait_for_selector(".ask", state="detached")
    kept = person.read_events()
    page.wait_for_function("() => document.activeElement.innerText.startsWith('Set aside')")
    page.keyboard.press("Enter")
    page.wait_for_function(ASKED, arg="Yes, set it aside")
    page.keyboard.press("Enter")
    page.wait_for_selector("ol.story li.setAside")
    return {"by": by, "kept": kept, "events": person.read_events(), "story": page.inner_text("ol.story")}


def lose_the_answer(person: Person, key: str) -> dict:
    """Deliver a mail again where the gateway does it and its answer is lost."""
    page, sent = person.page, []

    def lose(route: Route) -> None:
        sent.append(route.fetch().status)
        route.abort()

    page.route("**/deliver", lose)
    decide(person, key, "Deliver again", "Yes, deliver it again", "once only")
    page.keyboard.press("Enter")
    page.wait_for_selector(".act .failure")
    person.note_barriers("unknown")
    failure, buttons = page.inner_text(".act .failure"), page.locator("#act-again button").all_inner_texts()
    person.press("Read the mail anew")
    page.wait_for_selector("ol.story li.redelivered")
    page.wait_for_selector("ol.story li.delivered", timeout=60_000)
    return {"failure": failure, "buttons": buttons, "sent": sent, "events": person.read_events()}


def look_on_a_phone(person: Person) -> dict:
    page = person.page
    page.set_viewport_size({"width": 390, "height": 844})
    wide = {}
    for address in ("#/mails", page.evaluate("location.hash")):
        person.follow(address)
        person.note_barriers(f"phone {len(wide)}")
        wide[address] = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    return wide


def main(program: str, base_url: str) -> None:
    key, trials = os.environ["GATEWAY_KEY"], json.loads(os.environ["TRIALS"])
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS), headless=True)
        try:
            person = Person(browser.new_context(viewport={"width": 1280, "height": 1000}).new_page())
            sign_in(person, base_url, key)
            reported = {"found": find_ticket(person, trials["ticket"]), "listed": list_quarantine(person)}
            reported["turned"] = turn_pages(person)
            reported["again"] = deliver_again(person, trials["again"])
            reported["join"] = join(person, trials["join"], trials["ticket"])
            reported["aside"] = set_aside(person, trials["aside"])
            reported["unknown"] = lose_the_answer(person, trials["unknown"])
            reported["wide"] = look_on_a_phone(person)
            reported |= {"urls": person.urls, "complaints": person.complaints}
            reported |= {"barriers": person.barriers, "looks": person.looks}
            reported["violations"] = person.page.evaluate("window.violations")
            reported["kept"] = person.page.evaluate("[{...localStorage}, {...sessionStorage}, document.cookie]")
        finally:
            browser.close()
    print(json.dumps(reported))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
