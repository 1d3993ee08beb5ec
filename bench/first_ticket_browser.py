"""Runs in the foreign environment: opens the console as a person does, and waits for the ticket of a sample mail.

Arguments: the browser's program and the console's address; the key comes in the variable GATEWAY_KEY. Prints `open`
when the mails are shown, and `ticket` with its number when the sample mail has one.
"""
# mypy: ignore-errors

import os
import re
import sys

from playwright.sync_api import sync_playwright

FLAGS = ("--no-sandbox", "--no-proxy-server", "--disable-gpu", "--no-first-run", "--disable-background-networking")
SUBJECT = "My screen stays dark"
TICKET = "I[0-9]+_[0-9]+"
PATIENCE = 120_000


def main(program: str, address: str) -> None:
    """Open, wait, print."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS), headless=True)
        try:
            page = browser.new_page()
            page.goto(address)
            page.get_by_label("Function key").fill(os.environ["GATEWAY_KEY"])
            page.get_by_role("button", name="Open the console").click()
            page.get_by_role("navigation", name="Views").get_by_role("link", name="Mails", exact=True).click()
            page.get_by_role("heading", name="Mails", level=1).wait_for()
            print("open", flush=True)
            row = page.get_by_role("row").filter(has_text=SUBJECT).first
            number = row.get_by_text(re.compile(TICKET)).first
            number.wait_for(timeout=PATIENCE)
            print("ticket", number.inner_text(), flush=True)
        finally:
            browser.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
