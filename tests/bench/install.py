"""Installs the peers that are no Python, into `.cache/bench/`, by npm and apt."""

import platform
import subprocess
import sys
from pathlib import Path

from tests.bench.processes import CACHE, Unusable

NPM = CACHE / "npm"
MODULES = NPM / "node_modules"
TAILCALL = "@tailcallhq/core-linux-x64-gnu"
PACKAGES = {
    TAILCALL: "1.6.14",
    "@graphql-hive/gateway": "2.15.1",
    "@graphql-mesh/compose-cli": "1.8.2",
    "@omnigraph/openapi": "0.112.4",
    "graphql": "16",
}
GLIBC = CACHE / "glibc"
GLIBC_NEEDED = (2, 39)
"""What Tailcall is linked against."""
GLIBC_RELEASE, GLIBC_PACKAGES = "trixie", ("libc6", "libgcc-s1", "libstdc++6")
HOW = "make bench-peers"


def install() -> None:
    """Install all that is missing."""
    if any(not (MODULES / name).exists() for name in PACKAGES):
        NPM.mkdir(parents=True, exist_ok=True)
        packages = [f"{name}@{version}" for name, version in PACKAGES.items()]
        _run("npm", "install", "--prefix", NPM, "--no-audit", "--no-fund", "--ignore-scripts", *packages)
    if needs_glibc() and not loader():
        _install_glibc()


def tailcall() -> list[str | Path] | None:
    """Return the command of Tailcall, or None where it is not installed."""
    program = MODULES / TAILCALL / "bin" / "tailcall"
    if not program.exists() or (needs_glibc() and not loader()):
        return None
    return [*loader(), program]


def node(script: str) -> list[str | Path] | None:
    """Return the command of a program of npm, or None where it is not installed."""
    program = MODULES / ".bin" / script
    return ["node", program] if program.exists() else None


def needs_glibc() -> bool:
    """Tell whether the system's C library is too old for Tailcall."""
    name, version = platform.libc_ver()
    return name == "glibc" and tuple(map(int, version.split("."))) < GLIBC_NEEDED


def loader() -> list[str | Path]:
    """Return what starts a program on the newer C library; nothing where the system's will do or it is not installed."""
    found = next(GLIBC.glob("usr/lib/*/ld-linux-x86-64.so.2"), None)
    return [found, "--library-path", found.parent] if needs_glibc() and found else []


def _install_glibc() -> None:
    """Unpack the C library of a newer Debian in a folder, from where this system gets its own packages."""
    apt, archives = CACHE / "apt", CACHE / "apt" / "archives"
    for folder in (apt / "lists" / "partial", archives / "partial", GLIBC):
        folder.mkdir(parents=True, exist_ok=True)
    sources = apt / "sources.list"
    sources.write_text(f"deb [signed-by={_keyring()}] {_mirror()} {GLIBC_RELEASE} main\n")
    options = {
        "Dir::Etc::sourcelist": sources,
        "Dir::Etc::sourceparts": "-",
        "Dir::State::lists": apt / "lists",
        "Dir::Cache": apt,
    }
    arguments = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
    _run("apt-get", *arguments, "update")
    _run("apt-get", *arguments, "download", *GLIBC_PACKAGES, cwd=archives)
    for package in archives.glob("*.deb"):
        _run("dpkg-deb", "-x", package, GLIBC)


def _mirror() -> str:
    """Return the URL that this Debian's own packages come from."""
    command = ["apt-get", "indextargets", "--format", "$(SITE) $(LABEL)", "Created-By: Packages"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    mirrors = [line.split()[0] for line in told.splitlines() if line.endswith(" Debian")]
    if not mirrors:
        raise Unusable("Tailcall needs glibc 2.39, which only a Debian or a newer system can give it.")
    return mirrors[0]


def _keyring() -> Path:
    found = sorted(Path("/usr/share/keyrings").glob("debian-archive-keyring.*"))
    if not found:
        raise Unusable("The keys of Debian's archive are missing: apt install debian-archive-keyring")
    return found[0]


def _run(*command: str | Path, cwd: Path | None = None) -> None:
    done = subprocess.run([*map(str, command)], cwd=cwd, stdout=sys.stderr, check=False)
    if done.returncode:
        raise Unusable(f"{' '.join(map(str, command[:2]))} failed.")
