"""A headless Chromium, driven over a pipe by its own protocol: clicks and keys come in as those of a person do.

Needed: a Chromium or Chrome on the path (Debian: ``apt-get install chromium``), or the variable CHROMIUM with one.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
KEYS = {"ArrowDown": 40, "ArrowUp": 38, "ArrowLeft": 37, "ArrowRight": 39, "Enter": 13, "Escape": 27, "Tab": 9, "End": 35, "Home": 36}


def find_chromium() -> str:
    """Return the program; an error says how to get it."""
    named = os.environ.get("CHROMIUM")
    found = named or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None or not os.access(found, os.X_OK):
        raise SystemExit(f"No Chromium: {named or 'none of ' + ', '.join(NAMES) + ' is on the path'}. Debian: apt-get install chromium; or set CHROMIUM")
    return found


class Browser:
    """One page of a browser of its own, which ends with the ``with`` block."""

    def __init__(self, width: int = 1440, height: int = 900) -> None:
        self.size = (width, height)
        self.folder = tempfile.TemporaryDirectory(prefix="chromium-")
        self.number = 0
        self.buffer = b""
        self.said: list[dict[str, Any]] = []
        to_browser, self.out = os.pipe()
        self.inp, from_browser = os.pipe()
        # Chromium reads orders from 3 and answers on 4, in its children too.
        command = [find_chromium(), "--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                   "--disable-background-networking", "--disable-component-update", "--disable-sync",
                   "--hide-scrollbars", "--force-device-scale-factor=1", f"--user-data-dir={self.folder.name}", "about:blank"]
        script = f'exec 3<&{to_browser} 4>&{from_browser}; exec "$@"'
        self.process = subprocess.Popen(["bash", "-c", script, "chromium", *command], pass_fds=(to_browser, from_browser),
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_browser)
        os.close(from_browser)
        self.session = ""
        page = next(t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page")
        self.session = self.call("Target.attachToTarget", targetId=page["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.session = ""
            self.call("Browser.close")
        except (OSError, RuntimeError):
            self.process.kill()
        self.process.wait(30)
        os.close(self.out)
        os.close(self.inp)
        self.folder.cleanup()

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Give an order; return the answer."""
        self.number += 1
        order = {"id": self.number, "method": method, "params": params}
        if self.session:
            order["sessionId"] = self.session
        os.write(self.out, json.dumps(order).encode() + b"\0")
        while True:
            message = self.message(60)
            if message.get("id") == self.number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']['message']}")
                answer: dict[str, Any] = message["result"]
                return answer
            self.said.append(message)

    def message(self, seconds: float) -> dict[str, Any]:
        """Wait for the next thing the browser says."""
        end = time.monotonic() + seconds
        while b"\0" not in self.buffer:
            if not select.select([self.inp], [], [], max(0, end - time.monotonic()))[0]:
                raise RuntimeError("Chromium does not answer")
            part = os.read(self.inp, 1 << 20)
            if not part:
                raise RuntimeError("Chromium has gone")
            self.buffer += part
        text, self.buffer = self.buffer.split(b"\0", 1)
        message: dict[str, Any] = json.loads(text)
        return message

    def open(self, page: Path, fragment: str = "") -> None:
        """Open a file, and wait until its scripts have run."""
        self.go(page.resolve().as_uri() + fragment)

    def go(self, address: str) -> None:
        """Open an address, and wait until it is loaded."""
        # To another place of the same page a browser only scrolls.
        for url in ("about:blank", address):
            self.said.clear()
            self.call("Page.navigate", url=url)
            while not any(message.get("method") == "Page.loadEventFired" for message in self.said):
                self.said.append(self.message(60))

    def run(self, script: str) -> Any:
        """Return what an expression of the page's language gives."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{script}: {answer['exceptionDetails'].get('exception', {}).get('description')}")
        return answer["result"].get("value")

    def wait(self, script: str, seconds: float = 20) -> Any:
        """Wait until an expression gives something that is true; return it."""
        end = time.monotonic() + seconds
        # An element is no value, and comes as an empty object.
        while not (value := self.run(f"(({script}) || null)")) and value != {}:
            if time.monotonic() > end:
                raise AssertionError(f"not within {seconds} s: {script}")
            self.run("new Promise((done) => requestAnimationFrame(done))")
        return value

    def texts(self, selector: str) -> list[str]:
        """Return what is to be read in all that a selector finds."""
        found: list[str] = self.run(f"[...document.querySelectorAll({json.dumps(selector)})].map((e) => e.innerText.trim())")
        return found

    def text(self, selector: str) -> str:
        """Return what is to be read in the only one."""
        found = self.texts(selector)
        assert len(found) == 1, f"{selector}: {len(found)} found"
        return found[0]

    def place(self, selector: str, text: str = "") -> tuple[float, float]:
        """Return the middle of the first that a selector finds, with a text in it, and that can be seen."""
        script = f"""(() => {{ const all = [...document.querySelectorAll({json.dumps(selector)})].filter((e) => e.innerText.includes({json.dumps(text)}) || !{json.dumps(text)});
            if (!all.length) return null; const box = all[0].getBoundingClientRect(); const at = [box.x + box.width / 2, box.y + box.height / 2];
            const top = document.elementFromPoint(...at); return top && (all[0].contains(top) || top.contains(all[0])) ? at : null; }})()"""
        at = self.wait(script)
        return at[0], at[1]

    def mouse(self, kind: str, x: float, y: float) -> None:
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=0 if kind == "mouseReleased" else 1, clickCount=1)

    def click(self, selector: str, text: str = "") -> None:
        """Click on it with the mouse."""
        x, y = self.place(selector, text)
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        self.mouse("mousePressed", x, y)
        self.mouse("mouseReleased", x, y)

    def drag(self, selector: str, start: float, end: float) -> None:
        """Drag over it, from and to a share of its width."""
        box = self.run(f"(() => {{ const b = document.querySelector({json.dumps(selector)}).getBoundingClientRect(); return [b.x, b.y, b.width, b.height]; }})()")
        x, y, width, height = box
        self.mouse("mousePressed", x + width * start, y + height / 2)
        for share in (.3, .7, 1):
            self.mouse("mouseMoved", x + width * (start + (end - start) * share), y + height / 2)
        self.mouse("mouseReleased", x + width * end, y + height / 2)

    def key(self, key: str) -> None:
        """Press a key."""
        named = KEYS.get(key)
        code = named or ord(key.upper())
        for kind in ("keyDown", "keyUp"):
            extra = {"text": key} if named is None and kind == "keyDown" else {"text": "\r"} if key == "Enter" and kind == "keyDown" else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, **extra)

    def type(self, text: str) -> None:
        """Type a text where the focus is."""
        for letter in text:
            self.key(letter)

    def choose(self, selector: str, label: str) -> None:
        """Choose an entry of a list that folds out. Its entries are no part of the page: no click can reach them here."""
        script = f"""(() => {{ const s = document.querySelector({json.dumps(selector)}); const o = [...s.options].find((o) => o.text.startsWith({json.dumps(label)}));
            if (!o) return false; s.value = o.value; s.dispatchEvent(new Event("change", {{bubbles: true}})); return true; }})()"""
        assert self.run(script), f"{selector} has no {label}: {self.texts(selector)}"

    def dark(self, dark: bool) -> None:
        """Say that the person likes it dark."""
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def picture(self, file: Path) -> None:
        """Write what is to be seen, as PNG or WebP."""
        file.parent.mkdir(parents=True, exist_ok=True)
        shot = {"format": "webp", "quality": 90} if file.suffix == ".webp" else {"format": "png"}
        file.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", **shot)["data"]))

    def complaints(self) -> list[str]:
        """Return errors of scripts, what the policy of the page refused, and requests to a network."""
        self.run("new Promise((done) => setTimeout(done, 0))")
        found = []
        for message in self.said:
            params = message.get("params", {})
            if message.get("method") == "Runtime.exceptionThrown":
                found.append(params["exceptionDetails"]["exception"].get("description", "?"))
            elif message.get("method") == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
                found.append(params["entry"]["text"])
            elif message.get("method") == "Network.requestWillBeSent" and not params["request"]["url"].startswith(("file:", "data:")):
                found.append(f"asks for {params['request']['url'][:100]}")
        return found
