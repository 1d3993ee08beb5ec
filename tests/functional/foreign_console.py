"""Runs in the foreign environment: uses the console in a browser as a person does, prints what was seen as JSON.

Standard input has what to do: `program`, `base_url`, `scenarios`, `views` (hash by name) and, as the scenarios need
them, `axe` (a file), `pictures` with a `folder` for them, `master_key`. The key comes in the variable GATEWAY_KEY. What
is right is the test's to say.
"""
# mypy: ignore-errors
# ruff: noqa: T201, ANN003 - a script that prints its result

import json
import os
import sys
from pathlib import Path

from foreign_browser import DRAWN, FLAGS, Seen
from playwright.sync_api import Browser, Page, sync_playwright

WALL, WORK, PHONE = (1920, 1080), (1440, 900), (390, 844)
SIZES = {"wall": WALL, "desk": WORK, "phone": PHONE}
OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
SETTLED = "() => document.querySelector('main h1') && !document.querySelector('.loading')"
KEPT = "() => [{...localStorage}, {...sessionStorage}, document.cookie, location.href, document.title]"
HIDE = """
window.isHidden = false;
Object.defineProperty(document, "hidden", { get: () => window.isHidden });
window.setHidden = (hidden) => {
  window.isHidden = hidden;
  document.dispatchEvent(new Event("visibilitychange"));
};
"""
# Small files: half of the pixels show the layout of the whole window.
SCALE = 0.6
# All but rules without a serious or critical impact; in a second scheme colours alone differ.
AXE = """async (colours) => {
  const lesser = axe._audit.rules.filter((rule) => ["minor", "moderate"].includes(rule.impact));
  const rules = Object.fromEntries(lesser.map((rule) => [rule.id, { enabled: false }]));
  const which = colours ? { runOnly: ["color-contrast", "link-in-text-block"] } : { rules };
  const found = await axe.run(document, { ...which, resultTypes: ["violations"], preload: false, iframes: false });
  return found.violations.map(({ id, impact, nodes }) => ({ id, impact, nodes: nodes.map((node) => node.html) }));
}"""
FOCUSED = """() => {
  const found = document.activeElement;
  if (!found || found === document.body) return null;
  const style = getComputedStyle(found);
  const name = found.textContent.trim() || found.labels?.[0]?.textContent.trim() || found.id;
  return { name, tag: found.localName, isMarked: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0 };
}"""
CAN_BE_USED = """() => [...document.querySelectorAll("a[href], button, input, select, textarea, summary")]
  .filter((each) => each.checkVisibility() && !each.disabled).length"""


class Tab(Seen):
    """A page of the console, and what it did."""

    def __init__(self, browser: Browser, given: dict, size: tuple = WORK, scheme: str = "light", **options) -> None:
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, timezone_id="UTC", **options
        )
        super().__init__(context.new_page())
        self.given = given
        self.posted = []
        self.page.on("request", lambda request: self.posted.append(request.url) if request.method == "POST" else None)

    def open(self, path: str = "/api/console") -> "Tab":
        self.page.goto(self.given["base_url"] + path)
        self.page.wait_for_selector("main h1")
        return self

    def enter(self, key: str, *, keep: bool = False) -> "Tab":
        self.page.wait_for_selector("form.key #key")
        self.page.fill("#key", key)
        if keep:
            self.page.check("[name=keep]")
        self.page.click("form.key button[type=submit]")
        self.page.wait_for_selector("#key", state="detached")
        return self.settle()

    def show(self, address: str) -> "Tab":
        before = self.page.evaluate("location.hash")
        self.page.evaluate("address => { location.hash = address; }", address)
        if before != address:
            self.page.wait_for_function("address => location.hash === address", arg=address)
        self.page.wait_for_timeout(100)
        return self.settle()

    def settle(self) -> "Tab":
        self.page.wait_for_function(SETTLED, timeout=60_000)
        return self

    def count(self, path: str) -> int:
        return sum(1 for url in self.urls if url.split("?")[0].endswith(path))

    def look(self) -> dict:
        return {
            "text": self.page.inner_text("body"),
            "heading": self.page.text_content("main h1"),
            "overflow": self.page.evaluate(OVERFLOW),
            "isFailed": self.page.locator(".failure:visible").count() > 0,
        }

    def resize(self, size: tuple) -> None:
        self.page.set_viewport_size({"width": size[0], "height": size[1]})
        self.page.evaluate(DRAWN)

    def find_barriers(self, *, colours: bool = False) -> list:
        """Return what hinders seriously; `colours`: of the colours only."""
        if not self.page.evaluate("() => Boolean(window.axe)"):
            self.page.evaluate(Path(self.given["axe"]).read_text(encoding="utf-8"))
        return [each for each in self.page.evaluate(AXE, colours) if each["impact"] in ("serious", "critical")]


def use_key(browser: Browser, given: dict, key: str) -> dict:
    """Give no key, a wrong one and the right one; reload; give it to keep, reload and forget it."""
    tab = Tab(browser, given).open()
    page = tab.page
    seen = {"asked": tab.look(), "before": list(tab.urls)}
    page.click("form.key button[type=submit]")
    seen["empty"] = page.inner_text("form.key [role=alert]")
    page.fill("#key", "not-the-key")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelector('form.key [role=alert]')?.textContent.includes('not accept')")
    seen["wrong"] = tab.look() | {"kept": page.evaluate(KEPT)}
    tab.enter(key)
    seen["right"] = tab.look() | {"kept": page.evaluate(KEPT)}
    page.reload()
    page.wait_for_selector("form.key #key")
    seen["reloaded"] = tab.look()
    tab.enter(key, keep=True)
    page.reload()
    tab.settle()
    seen["kept"] = tab.look() | {"kept": page.evaluate(KEPT)}
    page.click("text=Forget the key")
    page.wait_for_selector("form.key #key")
    seen["forgotten"] = tab.look() | {"kept": page.evaluate(KEPT)}
    return seen | tab.summarise()


def use_keyboard(browser: Browser, given: dict, key: str) -> dict:
    """Open the console, walk through the overview and go to another view without a mouse."""
    tab = Tab(browser, given).open()
    page = tab.page
    tab.page.focus("#key")
    page.keyboard.type(key)
    page.keyboard.press("Enter")
    page.wait_for_selector("#key", state="detached")
    tab.settle()
    page.evaluate("() => document.activeElement.blur()")
    # the walk is as long as the page has things to use, and a few more, which shows that it ends
    usable = page.evaluate(CAN_BE_USED)
    walked = []
    for _ in range(usable + 3):
        page.keyboard.press("Tab")
        walked.append(page.evaluate(FOCUSED))
    page.focus(".skip")
    page.keyboard.press("Enter")
    skipped = page.evaluate("() => document.activeElement.id")
    page.focus("nav a[href='#/doctor']")
    page.keyboard.press("Enter")
    page.wait_for_selector("#master-key")
    after = page.evaluate("() => document.activeElement.id")
    return {"usable": usable, "walked": walked, "skipped": skipped, "afterLink": after}


def watch_refresh(browser: Browser, given: dict, key: str) -> dict:
    """Let time pass while the tab is seen, hidden, and seen again, and count the questions."""
    tab = Tab(browser, given)
    page = tab.page
    page.clock.install()
    page.add_init_script(HIDE)
    tab.open().enter(key)
    counts = [tab.count("/status")]
    for is_hidden, passed in ((False, 31_000), (True, 300_000), (False, 1000)):
        page.evaluate("hidden => window.setHidden(hidden)", is_hidden)
        page.clock.run_for(passed)
        page.wait_for_load_state("networkidle")
        counts.append(tab.count("/status"))
    return {"counts": counts}


def see_states(browser: Browser, given: dict, key: str) -> dict:
    """See the overview while its answer is on its way, without a network, and with one again."""
    tab = Tab(browser, given)
    page = tab.page
    page.clock.install()
    tab.open()
    held = []
    page.route("**/api/status", lambda route: held.append(route))  # noqa: PLW0108 - it needs a Python function
    page.fill("#key", key)
    page.keyboard.press("Enter")
    page.wait_for_selector("main .loading")
    seen = {"loading": page.inner_text("main")}
    held[0].continue_()
    page.unroute("**/api/status")
    tab.settle()
    seen["well"] = tab.look()
    page.route("**/api/status", lambda route: route.abort())
    page.clock.run_for(31_000)
    page.wait_for_selector(".failure")
    seen["broken"] = tab.look()
    page.unroute("**/api/status")
    page.click("text=Try again")
    page.wait_for_selector(".failure", state="detached")
    seen["again"] = tab.look()
    return seen


def see_stop(browser: Browser, given: dict, key: str) -> dict:
    """See the overview, wait until the app was stopped, and see it again."""
    tab = Tab(browser, given)
    tab.page.clock.install()
    tab.open().enter(key)
    seen = {"before": tab.look() | {"title": tab.page.title()}}
    print("ready", flush=True)
    sys.stdin.readline()
    tab.page.clock.run_for(31_000)
    tab.page.wait_for_selector(".failure")
    seen["after"] = tab.look() | {"title": tab.page.title()}
    return seen


def walk(browser: Browser, given: dict, key: str) -> dict:
    """Open every view; look at it on a wall, a desk and a phone, and for barriers on a desk, in light and dark."""
    seen = {"looks": [], "barriers": [], "heights": {}}
    tab = Tab(browser, given, WALL).open()
    for view, address in [("key", None), *given["views"].items()]:
        if view != "key":
            tab.show(address)
        for name, size in SIZES.items():
            tab.resize(size)
            seen["looks"].append({"view": view, "size": name} | tab.look())
            if view == "overview":
                seen["heights"][name] = tab.page.evaluate("[document.documentElement.scrollHeight, innerHeight]")
        tab.resize(WORK)
        for scheme in ("light", "dark"):
            tab.page.emulate_media(color_scheme=scheme)
            found = tab.find_barriers(colours=scheme == "dark")
            seen["barriers"].append({"view": view, "scheme": scheme, "found": found})
        tab.page.emulate_media(color_scheme="light")
        if view == "key":
            tab.enter(key)
    return seen | tab.summarise()


def open_api_page(page: Page, address: str, key: str) -> None:
    """Open the API page, give the key, and open the first operation."""
    page.goto(address)
    page.wait_for_selector(".opblock", timeout=60_000)
    page.fill("#key-value", key)
    page.click("#key button[type=submit]")
    page.wait_for_selector("#key-state:has-text('in use')")
    page.locator(".opblock-summary-control").first.click()
    page.wait_for_selector(".opblock .execute")


def take_pictures(browser: Browser, given: dict, key: str) -> dict:
    """Take the pictures that are asked for: name, address, size, scheme and what breaks."""
    texts = {}
    for each in given["pictures"]:
        size = SIZES[each["size"]]
        tab = Tab(browser, given, size, each["scheme"], device_scale_factor=SCALE)
        if each["address"].startswith("#"):
            tab.page.clock.install()
            tab.open().enter(key).show(each["address"])
        else:
            open_api_page(tab.page, given["base_url"] + each["address"], key)
        if each["isBroken"]:
            tab.page.route("**/api/**", lambda route: route.abort())
            tab.page.clock.run_for(31_000)
            tab.page.wait_for_selector(".failure")
        tab.page.wait_for_load_state("networkidle")
        texts[each["name"]] = tab.page.inner_text("body")
        tab.page.screenshot(path=f"{given['folder']}/{each['name']}.png")
        tab.page.context.close()
    return texts


def look_once(browser: Browser, given: dict, key: str) -> dict:
    """Open every view once, with its barriers."""
    tab = Tab(browser, given, bypass_csp=True).open().enter(key)
    seen = {
        view: tab.show(address).look() | {"barriers": tab.find_barriers()} for view, address in given["views"].items()
    }
    return {"views": seen} | tab.summarise()


def use_doctor(browser: Browser, given: dict, key: str) -> dict:
    """Give the doctor the function key, then the master key."""
    tab = Tab(browser, given, bypass_csp=True).open().enter(key).show("#/doctor")
    page = tab.page
    page.fill("#master-key", key)
    page.keyboard.press("Enter")
    page.wait_for_selector(".failure")
    seen = {"refused": tab.look()}
    page.fill("#master-key", given["master_key"])
    page.keyboard.press("Enter")
    page.wait_for_selector(".report", timeout=95_000)
    seen["report"] = tab.look() | {"barriers": tab.find_barriers(), "kept": page.evaluate(KEPT)}
    seen["field"] = page.input_value("#master-key")
    return seen | tab.summarise()


def poll_now(browser: Browser, given: dict, key: str) -> dict:
    """Press the first button that polls a mailbox."""
    tab = Tab(browser, given).open().enter(key)
    tab.page.click("text=Poll now >> nth=0")
    tab.page.wait_for_selector(".said:has-text('Asked for')")
    return {"posted": tab.posted} | tab.summarise()


def pause_and_resume(browser: Browser, given: dict, key: str) -> dict:
    """Pause the only subscription, and resume it."""
    tab = Tab(browser, given).open().enter(key).show("#/callers")
    page = tab.page
    page.click("text=Pause")
    page.click("text=Yes: Pause")
    page.wait_for_selector("button:has-text('Resume')")
    seen = {"paused": page.inner_text("main")}
    page.click("text=Resume")
    page.wait_for_selector("button:has-text('Pause')")
    return seen | {"resumed": page.inner_text("main"), "posted": tab.posted} | tab.summarise()


SCENARIOS = {
    "doctor": use_doctor, "key": use_key, "keyboard": use_keyboard, "once": look_once,
    "pause": pause_and_resume, "pictures": take_pictures, "poll": poll_now, "refresh": watch_refresh,
    "states": see_states, "stop": see_stop, "walk": walk,
}  # fmt: skip


def main() -> None:
    given = json.loads(sys.stdin.readline())
    key = os.environ["GATEWAY_KEY"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=given["program"], args=list(FLAGS), headless=True)
        try:
            reported = {}
            for name in given["scenarios"]:
                reported[name] = SCENARIOS[name](browser, given, key)
                for context in browser.contexts:
                    context.close()
        finally:
            browser.close()
    print(json.dumps(reported))


if __name__ == "__main__":
    main()
