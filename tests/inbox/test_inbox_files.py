"""The page's files: libraries as their makers published them, present wherever the sandbox is installed."""

import hashlib
import re
import runpy
import struct
import subprocess
import sys
from pathlib import Path

import screenshots
from browsing import DESKTOP, PHONE, page_module
from playwright.sync_api import Browser

from server.sandbox.serve import RunningSandbox

ROOT = Path(__file__).parents[2]
VENDOR = page_module.FILES / "vendor"

# Of the files in the archives of preact 11.2.0 and htm 3.1.1.
PUBLISHED = {
    "preact.mjs": "bdcbd9abdf2c77c5c45326eab42191e949222d479d0d5f69467387a77040cb55",
    "hooks.mjs": "e862ab2973aa6455eaa0f77c5d832d2157d6be59a17c8ba546550a575b58c6b4",
    "htm.mjs": "ab33dd3f38059b9be4d5f5350128eefb2356639c4e0bbe9d9e8b3ba75847e9e4",
    "LICENSE-preact": "1fe6958409c8c257a70c587a18b6f7f412b179b456630790d30b2ec9a8e4b7d4",
    "LICENSE-htm": "740725f7252e750af735d0028cc534970772f513331e9f68150fede8fb3ce00f",
}


def test_libraries_are_unmodified_and_named_with_their_versions() -> None:
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in VENDOR.iterdir()}
    assert found.pop("README.md")
    assert found == PUBLISHED
    readme = (VENDOR / "README.md").read_text(encoding="utf-8")
    assert [name for name in PUBLISHED if f"`{name}`" not in readme] == []


def test_our_own_code_makes_no_markup_of_text() -> None:
    own = "".join(path.read_text(encoding="utf-8") for path in page_module.FILES.glob("*.js"))
    assert own
    forbidden = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|dangerouslySetInnerHTML|\beval\(|new Function"
    assert re.findall(forbidden, own) == []
    assert re.findall(r"https?://", own) == []


def test_without_the_sandbox_nothing_of_it_is_imported() -> None:
    code = (
        "import sys\nfrom server.cli.main import main\ntry:\n    main(['tools'])\nexcept SystemExit:\n    pass\n"
        "import server.calls.dispatch, server.protocol.server, server.hosting.serve\n"
        "sys.exit(str([name for name in sys.modules if name.startswith('server.sandbox')]))"
    )
    done = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.stderr.strip() == "[]"


def test_the_bundle_and_the_image_have_the_page_too(tmp_path: Path) -> None:
    runpy.run_path(str(ROOT / "bundle" / "pack.py"))["lay_out"](tmp_path)
    inside = page_module.FILES.relative_to(ROOT)
    packed = {path.relative_to(tmp_path / inside) for path in (tmp_path / inside).rglob("*")}
    assert packed == {path.relative_to(page_module.FILES) for path in page_module.FILES.rglob("*")}
    assert "COPY server server\n" in (ROOT / "Dockerfile").read_text(encoding="utf-8")
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert [line for line in ignored if line and not line.startswith(("#", "!"))] == ["*", "**/__pycache__"]


def test_the_pictures_of_the_readme_can_be_taken_anew(served: RunningSandbox, browser: Browser, tmp_path: Path) -> None:
    screenshots.picture(served, browser, tmp_path)
    for name, size in (("inbox", DESKTOP), ("inbox-phone", PHONE)):
        for folder in (tmp_path, ROOT / "docs"):
            head = (folder / f"{name}.png").read_bytes()[:24]
            assert struct.unpack(">II", head[16:]) == (size["width"], size["height"])
        assert f"docs/{name}.png" in (ROOT / "README.md").read_text(encoding="utf-8")
