"""For scripts in the foreign environment: a browser, and a page that notes what it does."""
# mypy: ignore-errors

from playwright.sync_api import Browser, Page

FLAGS = (
    "--no-sandbox",
    "--no-proxy-server",
    "--disable-gpu",
    "--disable-gpu-rasterization",
    "--disable-software-rasterizer",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# After a change of size or scheme: the page has followed, and its colours are no longer on their way.
DRAWN = """async () => {
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 50)));
  const moving = document.getAnimations().filter((each) => each instanceof CSSTransition);
  await Promise.allSettled(moving.map((each) => each.finished));
}"""
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
