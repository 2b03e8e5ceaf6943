"""Whether this machine's kernel lets a plain user make namespaces, which the sandbox of each machine needs.

Ubuntu since 23.10 takes every right out of a user namespace that a process without an AppArmor profile made. Containers
of the emulator are such processes: Docker's own profile forbids mounts, so they cannot have that one.
"""

from __future__ import annotations

from pathlib import Path

from deploy.errors import MachineLacks

SETTING = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
COMMAND = f"sudo sysctl -w {SETTING.relative_to('/proc/sys').as_posix().replace('/', '.')}=0"


def restricted(setting: Path = SETTING) -> bool:
    """Whether they are kept from it."""
    try:
        return setting.read_text().strip() not in ("", "0")
    except OSError:
        return False


def require_namespaces(host: str, setting: Path = SETTING) -> None:
    """Raise MachineLacks with the command that allows them, if the engine at `host` shares this kernel."""
    if host.startswith("unix://") and restricted(setting):
        raise MachineLacks(
            f"this system keeps plain users from namespaces, without which no program is sandboxed. Run: {COMMAND} "
            "(until the next boot; for good: put the setting into a file of /etc/sysctl.d)"
        )
