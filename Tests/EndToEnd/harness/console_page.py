"""The web console in Chromium, as somebody uses it."""

import json

from .browser import BrowserPage
from .patience import PATIENCE

# From the first script on: what the page's policy has kept from it, and how many milliseconds it was busy at a stretch.
WATCH = """
window.violations = [];
window.stalls = [];
new PerformanceObserver((list) => stalls.push(...list.getEntries().map((one) => one.duration))).observe({ type: "longtask" });
document.addEventListener("securitypolicyviolation", (event) => violations.push(
    `${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`));
"""


class ConsolePage(BrowserPage):
    """Opens the console of the gateway at `origin`, with `key` in the address's fragment; `directory` is for the profile."""

    def __init__(self, origin, directory, key=None, width=1280, height=900, dark=False):
        super().__init__("about:blank", directory)
        self.origin = origin
        self.said = []  # what the browser's console has: errors and warnings
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        self.call("Page.addScriptToEvaluateOnNewDocument", source=WATCH)
        self.size(width, height)
        self.scheme(dark)
        self.open("#key=" + key if key else "")

    def open(self, fragment=""):
        """From anew; a page of the same address but for its fragment would not be loaded again."""
        self.call("Page.navigate", url="about:blank")
        self.wait_for("location.href === 'about:blank'")
        self.call("Page.navigate", url=f"{self.origin}/console/{fragment}")
        self.wait_for("document.querySelector('main h1, main .notice') !== null")

    def size(self, width, height=900):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500)

    def scheme(self, dark):
        feature = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[feature])

    def go(self, view):
        """By the navigation."""
        self.click(f'nav a[href="#{view}"]')
        self.wait_for(f"document.querySelector('nav a[aria-current]')?.hash === '#{view}'")

    # ---- Looking ----

    @property
    def text(self):
        return self.evaluate("document.body.innerText")

    def wait_for_text(self, text, timeout=PATIENCE):
        self.wait_for(f"document.body.innerText.includes({json.dumps(text)})", timeout)

    def wait_until_gone(self, text):
        self.wait_for(f"!document.body.innerText.includes({json.dumps(text)})")

    def texts(self, selector):
        return self.evaluate(f"[...document.querySelectorAll({json.dumps(selector)})].map((one) => one.innerText.trim())")

    def assert_untroubled(self, *expected):
        """No violation of the policy, and nothing in the browser's console but what has one of these texts."""
        self.evaluate("0")  # reads what has been said
        violations = self.evaluate("violations")
        assert not violations, violations
        troubles = [text for text in self.said if not any(one in text for one in expected)]
        assert not troubles, troubles

    # ---- Doing ----

    def press(self, text):
        """The button or link of the view with this text."""
        self._mark(f"""[...document.querySelectorAll("main button, main a, main summary")].find((one) =>
            one.innerText.trim().replace(/\\s+/g, " ") === {json.dumps(text)} && one.offsetParent && !one.disabled)""")
        self.click("[data-marked]")

    def fill(self, label, text):
        """Empties the field with this label, and types."""
        self._mark(self._control(label))
        self.evaluate("document.querySelector('[data-marked]').focus(); document.querySelector('[data-marked]').select()")
        if text:
            self.call("Input.insertText", text=text)
        else:
            self.key("Backspace")

    def add(self, label, *names):
        """Types names into a field that takes several."""
        for name in names:
            self.fill(label, name)
            self.key("Enter")

    def check(self, label):
        self._mark(f"""[...document.querySelectorAll("label.check")].find((one) => one.innerText.trim().startsWith({json.dumps(label)}))
            ?.querySelector("input")""")
        self.click("[data-marked]")

    def key(self, key, **more):
        codes = {"Enter": 13, "Tab": 9, "Escape": 27, "Backspace": 8, " ": 32}
        text = {"Enter": "\r", " ": " "}.get(key)
        event = {"key": key, "code": "Space" if key == " " else key, "windowsVirtualKeyCode": codes[key], **more}
        self.call("Input.dispatchKeyEvent", type="keyDown", **({"text": text} if text else {}), **event)
        self.call("Input.dispatchKeyEvent", type="keyUp", **event)

    def focused(self):
        """The text or the label of what has the focus."""
        return self.evaluate("""(() => {
            const one = document.activeElement;
            return one.labels?.[0]?.innerText ?? one.getAttribute("aria-label") ?? one.innerText;
        })()""")

    def heap(self):
        """Bytes in use, after a collection."""
        self.call("HeapProfiler.collectGarbage")
        return self.call("Runtime.getHeapUsage")["usedSize"]

    def call(self, method, **parameters):
        self._calls += 1
        self._socket.send(json.dumps({"id": self._calls, "method": method, "params": parameters}))
        while (message := json.loads(self._socket.recv())).get("id") != self._calls:
            self._note(message)
        assert "error" not in message, message["error"]
        return message["result"]

    def _note(self, message):
        parameters = message.get("params", {})
        if message.get("method") == "Runtime.exceptionThrown":
            details = parameters["exceptionDetails"]
            self.said.append(details.get("exception", {}).get("description") or details["text"])
        elif message.get("method") == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "warning", "assert"):
            self.said.append(" ".join(str(one.get("value", one.get("description"))) for one in parameters["args"]))
        elif message.get("method") == "Log.entryAdded" and parameters["entry"]["level"] in ("error", "warning"):
            self.said.append(f"{parameters['entry']['text']} {parameters['entry'].get('url', '')}")

    def _mark(self, expression):
        """Gives the element the attribute by which `click` finds it."""
        script = f"""(() => {{
            for (const one of document.querySelectorAll("[data-marked]")) one.removeAttribute("data-marked");
            const found = {expression};
            found?.setAttribute("data-marked", "");
            return Boolean(found);
        }})()"""
        self.wait_for(script)

    @staticmethod
    def _control(label):
        return f"""[...document.querySelectorAll(".field label")].find((one) => one.innerText.trim() === {json.dumps(label)}
            && one.offsetParent)?.control"""
