"""Runs unit tests without an engine: `run.py FOLDER`, with sources in `FOLDER` or
`FOLDER/src` and tests in `FOLDER/tests`.

The modules of the contract are written by componentize-py itself; a test replaces
the host calls that it needs. Run it with the Python of `venn toolchain python`.
"""
import importlib
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SDK = Path(__file__).resolve().parent.parent


def bindings(into: Path) -> None:
    """The contract's modules, as componentize-py itself writes them."""
    tool = Path(sys.executable).parent / "componentize-py"
    wit = SDK / "venn_sdk/wit"
    subprocess.run([tool, "-q", "-d", wit, "-w", "plugin", "bindings", into], check=True)


def main(folder: Path) -> bool:
    with tempfile.TemporaryDirectory() as made:
        bindings(Path(made))
        sys.path[:0] = [made, str(SDK), str(folder), str(folder / "src")]
        importlib.invalidate_caches()
        suite = unittest.defaultTestLoader.discover(str(folder / "tests"))
        return unittest.TextTestRunner().run(suite).wasSuccessful()


if __name__ == "__main__":
    sys.exit(not main(Path(sys.argv[1]).resolve()))
