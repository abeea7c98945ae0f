"""Debian's Chromium, driven by Selenium: what somebody does who looks at the page."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service as Driver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from tests.interop.processes import LIMIT
from tests.interop.programs import need

LARGE, SMALL = (1280, 800), (375, 720)
"""A desk, and a telephone."""
AXE = "selenium_axe_python/axe-core/axe.min.js"
LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
"""What axe-core looks for: WCAG 2.2, level AA."""


class Chromium:
    """A browser without a window; its methods block, so that tests call them by L{do}."""

    def __init__(self, address: str) -> None:
        """
        Start it.

        @param address: of the service, C{http://127.0.0.1:5080}.
        """
        options = ChromeOptions()
        options.binary_location = need("chromium")
        for one in ("headless=new", "no-sandbox", "disable-dev-shm-usage", "disable-gpu", "lang=en"):
            options.add_argument(f"--{one}")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self._address = address
        self._driver = Chrome(options, Driver(need("chromedriver")))
        self.look()

    def look(self, *, dark: bool = False, size: tuple[int, int] = LARGE, language: str = "en") -> None:
        """Look at it so from now on."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._tell("Emulation.setEmulatedMedia", features=[scheme])
        screen = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size == SMALL}
        self._tell("Emulation.setDeviceMetricsOverride", **screen)
        self._tell("Network.enable")
        self._tell("Network.setExtraHTTPHeaders", headers={"Accept-Language": language})

    def _tell(self, command: str, **values: Any) -> Any:
        """Tell the browser something that is beyond WebDriver."""
        return self._driver.execute_cdp_cmd(command, values)

    def close(self) -> None:
        """End it."""
        self._driver.quit()

    # ---- what somebody does ---------------------------------------------

    def open(self, path: str) -> None:
        """Go to a page of the service."""
        self._driver.get(self._address + path)

    def log_in(self, name: str, password: str) -> None:
        """Log in with a password."""
        self.open("/login")
        self.fill("name", name)
        self.fill("password", password)
        self.press("main button")
        self.until(lambda: not self.path.startswith("/login"), "somebody is logged in")

    def fill(self, name: str, text: str, inside: str = "main") -> None:
        """Write into a field of a form."""

        def write() -> bool:
            field = self.find(f"{inside} [name={name}]")
            field.clear()
            field.send_keys(text)
            return True

        self.until(write, f"{name} is written into")

    def press(self, selector: str) -> None:
        """Press a button, or follow a link."""
        self.until(lambda: self.find(selector).click() or True, f"{selector} is pressed")

    def tab(self, times: int) -> list[str]:
        """Press the key Tab so often; what has the focus after each."""
        return [self._tabbed() for _ in range(times)]

    def _tabbed(self) -> str:
        """Press it once."""
        self._driver.switch_to.active_element.send_keys(Keys.TAB)
        return str(self.run("return document.activeElement.innerText || document.activeElement.name"))

    # ---- what somebody sees ---------------------------------------------

    @property
    def path(self) -> str:
        """Where the page is."""
        return self._driver.current_url.removeprefix(self._address)

    def text(self, selector: str = "body") -> str:
        """The text that is shown."""
        return self.find(selector).text

    def find(self, selector: str) -> Any:
        """Something that is shown by now, or soon."""
        return self.until(
            lambda: next(
                (one for one in self._driver.find_elements(By.CSS_SELECTOR, selector) if one.is_displayed()),
                None,
            ),
            f"there is {selector}",
        )

    def sees(self, text: str, selector: str = "body") -> None:
        """Wait until it is shown."""
        self.until(lambda: text in self.run(_TEXT, selector), f"{text!r} is shown")

    def sees_no_more(self, text: str, selector: str = "body") -> None:
        """Wait until it is not shown."""
        self.until(lambda: text not in self.run(_TEXT, selector), f"{text!r} is not shown any more")

    def until(self, met: Callable[[], Any], what: str) -> Any:
        """Wait until something is so."""
        # A part that is read again may take an element away while it is looked at.
        again = (StaleElementReferenceException,)
        wait: Any = WebDriverWait(self._driver, LIMIT, 0.1, ignored_exceptions=again)
        return wait.until(lambda _: met(), f"waited until {what}; there was:\n{self.run(_TEXT, 'body')}")

    def run(self, script: str, *arguments: Any) -> Any:
        """What a script says."""
        return self._driver.execute_script(script, *arguments)

    def complaints(self) -> list[str]:
        """What the browser complains of, such as what the Content Security Policy forbids."""
        return [str(one["message"]) for one in self._driver.get_log("browser")]

    def too_wide(self) -> int:
        """Pixels by which the page is wider than the screen."""
        return int(self.run("return document.documentElement.scrollWidth - innerWidth"))

    def barriers(self) -> list[str]:
        """What axe-core finds that keeps people out (WCAG AA)."""
        script = (files("selenium_axe_python") / "axe-core" / "axe.min.js").read_text()
        # By the protocol of the debugger, which no policy of the page hinders.
        self._tell("Runtime.evaluate", expression=script)
        found = self._tell(
            "Runtime.evaluate", expression=_AXE % LEVELS, awaitPromise=True, returnByValue=True
        )
        return list(found["result"]["value"])

    def picture(self, file: Path) -> None:
        """Take a picture of the screen."""
        self._driver.save_screenshot(str(file))


_TEXT = "return document.querySelector(arguments[0])?.innerText ?? ''"
_AXE = """axe.run({runOnly: %s}).then((found) => found.violations.map(
  (one) => one.id + ": " + one.nodes.map((node) => node.html + " " + node.failureSummary).join("; ")))"""


def do(work: Callable[..., Any], *values: Any, **named: Any) -> Deferred[Any]:
    """Do it beside the reactor, in which phones and services of the test go on."""
    return deferToThread(work, *values, **named)
