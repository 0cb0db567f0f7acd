"""Packs the bundle for Claude Desktop: our source and a manifest, validated and packed by the official tool."""

import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from tempfile import TemporaryDirectory

from server.config.surface import Surface

ROOT = Path(__file__).parents[1]
PACKAGES = ("server", "tools", "schemas")
ENTRY = "clicksend_mcp.py"
MCPB = "@anthropic-ai/mcpb@2.1.2"
PYTHON = "3.11"  # the version that all tests run on; uv finds or downloads it


def main(target: Path) -> None:
    """Write the bundle. Exits with a message if npx is missing or the tool fails."""
    if shutil.which("npx") is None:
        sys.exit("npx is needed: install Node.js")
    with TemporaryDirectory() as folder:
        lay_out(Path(folder))
        for arguments in (["validate", f"{folder}/manifest.json"], ["pack", folder, str(target.resolve())]):
            if subprocess.run(["npx", "--yes", MCPB, *arguments], check=False).returncode:
                sys.exit(f"mcpb {arguments[0]} failed")


def lay_out(folder: Path) -> None:
    """Fill a folder with the files to pack."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("README.md", "LICENSE", ENTRY):
        shutil.copy(ROOT / name, folder)
    manifest = json.loads((ROOT / "bundle" / "manifest.json").read_text(encoding="utf-8"))
    manifest["tools"] = [{"name": action.slug, "description": action.title} for action in Surface().actions]
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    (folder / ".python-version").write_text(f"{PYTHON}\n", encoding="utf-8")
    (folder / "pyproject.toml").write_text(_project(), encoding="utf-8")


def _project() -> str:
    """Our pyproject.toml without the development parts, and with the tested versions.

    On the user's machine uv installs from it; without bounds it would install untested versions.
    """
    ours = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    tested = [line for line in lines if line and not line.startswith("#")]
    kept = {
        "build-system": ours["build-system"],
        "project": {key: value for key, value in ours["project"].items() if key in _KEPT},
        "project.scripts": ours["project"]["scripts"],
        "tool.hatch.build.targets.wheel": {"packages": [*PACKAGES, ENTRY]},
        "tool.uv": {"constraint-dependencies": tested, "build-constraint-dependencies": tested},
    }
    # TOML writes strings and lists of strings like JSON.
    tables = (
        [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in table.items()), ""]
        for name, table in kept.items()
    )
    return "\n".join(line for table in tables for line in table)


_KEPT = ("name", "version", "description", "readme", "license", "license-files", "requires-python", "dependencies")

if __name__ == "__main__":
    main(Path(sys.argv[1]))
