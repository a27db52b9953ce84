"""Pages as pictures, by a Chromium without a window."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from PIL import Image

BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")
SECONDS: Final = 120


class CannotDraw(Exception):
    """There is no browser, or it made no picture."""


def draw(page: Path, picture: Path, *, width: int, height: int) -> None:
    """The page's picture as a small PNG; raises CannotDraw."""
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        raise CannotDraw("Pictures need Chromium (Debian: apt-get install chromium), or --no-pictures")
    with tempfile.TemporaryDirectory(prefix="listings-preview-", ignore_cleanup_errors=True) as folder:
        raw = Path(folder) / "raw.png"
        command = [
            browser,
            "--headless",
            "--no-sandbox",  # it opens our own page only, and root has no sandbox
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            f"--user-data-dir={folder}/profile",
            f"--window-size={width},{height}",
            f"--screenshot={raw}",
            page.absolute().as_uri(),
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        if not raw.exists():
            raise CannotDraw(f"{browser} made no picture of {page}: {done.stderr[-500:]}")
        with Image.open(raw) as image:
            # Flat colors: a palette shows the same in a third of the bytes.
            image.convert("RGB").quantize(128, dither=Image.Dither.NONE).save(picture, optimize=True)
