"""The chat page in a real browser: ask, watch the cards, see the plots, upload a file, download the plan."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
EXPORT = (
    "Campaign report\n1 December 2025 - 2 December 2025\n"
    "Day,Campaign,Currency code,Clicks,Impr.,CTR,Avg. CPC,Cost,Conversions,Cost / conv.,Conv. rate,Conv. value\n"
    "2025-12-01,Brand search,USD,10,200,5.00%,1.00,10.00,1.00,10.00,10.00%,80.00\n"
    "2025-12-02,Brand search,USD,20,400,5.00%,1.00,20.00,2.00,10.00,10.00%,160.00\n"
)

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium on this machine (Debian: apt-get install chromium)"
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def address(demo_copy: Path) -> Iterator[str]:
    """A served page on the demo shop."""
    port = free_port()
    command = [sys.executable, "-c", "from campaignwright.ui.cli import main; main()", "ui", "-w", str(demo_copy)]
    command += ["--port", str(port), "--no-browser", "--today", "2026-11-23"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            assert server.poll() is None, server.stderr.read()
            try:
                urllib.request.urlopen(url, timeout=2).close()
                break
            except OSError:
                time.sleep(0.5)
        yield url
    finally:
        server.terminate()
        server.wait(20)


def picture(page, name: str) -> None:
    """Keep a screenshot where CAMPAIGNWRIGHT_SCREENSHOTS says, for a person to look at."""
    if folder := os.environ.get("CAMPAIGNWRIGHT_SCREENSHOTS"):
        page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)


def test_ask_plots_upload_download(address: str, tmp_path: Path) -> None:
    from playwright.sync_api import expect, sync_playwright

    outside: list[str] = []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1500, "height": 1000}, accept_downloads=True)
        page.on(
            "request",
            lambda one: outside.append(one.url) if not one.url.startswith((address, "data:", "blob:")) else None,
        )
        page.goto(address)
        box = page.locator("#box textarea")
        expect(box).to_be_visible(timeout=60_000)
        picture(page, "empty")
        box.fill("Plan a 2-week campaign for running shoes, $20k, ROAS at least 4")
        page.locator("#send").click()
        expect(page.locator("#chat").get_by_text("set brief").first).to_be_visible(timeout=60_000)
        assert not page.locator("#verdict h1").is_visible()  # the cards come first
        picture(page, "streaming")
        for plot in ("#plot-forecast", "#plot-budget", "#plot-price"):
            expect(page.locator(f"{plot} .js-plotly-plot")).to_be_visible(timeout=120_000)
        expect(page.locator("#verdict h1")).to_contain_text("Campaign plan for")
        expect(page.locator("#plan table").first).to_be_visible()
        page.wait_for_timeout(1500)
        picture(page, "plan")
        card = page.locator("#chat").get_by_role("button", name="set brief")
        expect(card).to_contain_text(re.compile(r"\d+(?:\.\d+)?s"))
        card.click()
        for shown in ("Input", "$20k", "Output"):
            expect(page.locator("#chat").get_by_text(shown).first).to_be_visible()
        page.wait_for_timeout(800)  # it unfolds
        card.scroll_into_view_if_needed()
        picture(page, "card")
        with page.expect_download(timeout=30_000) as download:
            page.locator("#files a[download$='.json']").first.click()
        download.value.save_as(tmp_path / "plan.json")
        assert json.loads((tmp_path / "plan.json").read_text())["brief"]["budget"] == 20_000

        page.get_by_role("tab", name="Import data").click()
        (tmp_path / "google.csv").write_text(EXPORT)
        page.locator("#upload input[type=file]").set_input_files(str(tmp_path / "google.csv"))
        expect(page.locator("#upload")).to_contain_text("google", timeout=30_000)
        page.locator("#import").click()
        expect(page.locator("#report")).to_contain_text("2 rows read, 2 kept, 0 rejected", timeout=60_000)
        picture(page, "import")
        page.get_by_role("tab", name="Approve and export").click()
        expect(page.locator("#about")).to_contain_text("Campaign plan for")
        page.locator("#approve").click()
        expect(page.locator("#approved")).to_contain_text("Everything in the files is paused", timeout=30_000)
        picture(page, "approved")
        picker = page.locator("#workspace input")
        picker.fill("second")
        picker.press("Enter")
        expect(page.locator("#chat")).to_contain_text("What should we sell", timeout=30_000)  # a new shop, a new conversation
        browser.close()
    assert not outside
