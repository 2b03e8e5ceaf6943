"""From a machine's configuration to its container; what the emulator cannot honour is refused, not ignored."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from deploy.emulator.docker_engine import Container, Engine
from deploy.emulator.errors import FlyRefusal
from deploy.emulator.machines.checks import configured, seconds
from deploy.emulator.machines.restarts import restart_of
from deploy.emulator.model import App, Machine
from deploy.emulator.registry.server import ImageName, parse_image

DEFAULT_MEMORY_MB = 256
STOP_SIGNALS = frozenset({"SIGHUP", "SIGINT", "SIGQUIT", "SIGKILL", "SIGUSR1", "SIGUSR2", "SIGTERM"})
NOT_HERE = ("containers", "schedule", "standbys", "statics", "cache_drive")


def stop_config(config: Mapping[str, Any]) -> tuple[str, float]:
    """The signal that stops the machine and the seconds it gets, 5 by default."""
    stop = config.get("stop_config") or {}
    return stop.get("signal") or "SIGINT", seconds(stop.get("timeout"), 5.0)


def validate(config: Any) -> ImageName:
    """Refuse (FlyRefusal 400) a configuration that cannot be run here; its image otherwise."""
    if not isinstance(config, dict) or not isinstance(config.get("image"), str):
        raise FlyRefusal(400, "config.image is required")
    for key in NOT_HERE:
        if config.get(key):
            raise FlyRefusal(400, f"config.{key}: the emulator has none; leave it out")
    image = parse_image(config["image"])
    if image is None:
        raise FlyRefusal(400, f"image {config['image']}: only registry.fly.io/APP[:TAG][@DIGEST] is known here")
    try:
        configured(config)
        signal, _ = stop_config(config)
        restart_of(config)
        mounts = [(mount["volume"], mount["path"]) for mount in config.get("mounts") or []]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FlyRefusal(400, f"config: {error}") from error
    if signal not in STOP_SIGNALS:
        raise FlyRefusal(400, f"stop_config.signal {signal!r} is none of {', '.join(sorted(STOP_SIGNALS))}")
    if len(mounts) > 1 or not all(isinstance(path, str) and path.startswith("/") for _, path in mounts):
        raise FlyRefusal(400, "config.mounts: one volume a machine, at an absolute path")
    guest = config.get("guest") or {}
    for key in ("cpus", "memory_mb"):
        value = guest.get(key, 1)
        if not isinstance(value, int) or value <= 0:
            raise FlyRefusal(400, f"guest.{key} {value!r} is not a positive number")
    return image


def describe(
    machine: Machine,
    app: App,
    values: Mapping[str, str],
    engine: Engine,
    registry: str,
    place: Callable[[str], Path],
) -> Container:
    """The container for `machine`.

    `values` are the app's secrets, `registry` the address the engine pulls from, `place` tells a volume's directory.
    """
    config = machine.config
    guest, init = config.get("guest") or {}, config.get("init") or {}
    memory = int(guest.get("memory_mb") or DEFAULT_MEMORY_MB)
    command = init.get("exec") or init.get("cmd")
    entrypoint = [] if init.get("exec") else init.get("entrypoint")
    return Container(
        name=machine.container,
        image=f"{registry}/{machine.image['repository']}@{machine.image['digest']}",
        network=engine.network(app.name),
        environment=_environment(machine, memory) | dict({} if machine.skip_secrets else values),
        labels=engine.labels(app.name, machine.id),
        memory_mb=memory,
        swap_mb=int(init.get("swap_size_mb") or 0),
        cpus=float(guest.get("cpus") or 1),
        stop_signal=stop_config(config)[0],
        entrypoint=entrypoint,
        command=command,
        hostname=machine.id,
        binds={str(place(mount["volume"])): mount["path"] for mount in config.get("mounts") or []},
        files={entry["guest_path"]: _content(entry, values) for entry in config.get("files") or []},
    )


def _environment(machine: Machine, memory: int) -> dict[str, str]:
    """What Fly gives every machine, and then what its configuration says."""
    given = {
        "FLY_APP_NAME": machine.app,
        "FLY_MACHINE_ID": machine.id,
        "FLY_ALLOC_ID": machine.id,
        "FLY_MACHINE_VERSION": machine.instance_id,
        "FLY_REGION": machine.region,
        "FLY_IMAGE_REF": machine.config["image"],
        "FLY_PROCESS_GROUP": machine.metadata.get("fly_process_group", ""),
        "FLY_VM_MEMORY_MB": str(memory),
    }
    return given | {str(key): str(value) for key, value in (machine.config.get("env") or {}).items()}


def _content(entry: Mapping[str, Any], values: Mapping[str, str]) -> bytes:
    try:
        text = values[entry["secret_name"]] if entry.get("secret_name") else entry["raw_value"]
        return base64.b64decode(text, validate=True)
    except (KeyError, binascii.Error) as error:
        raise FlyRefusal(400, f"file {entry.get('guest_path')}: no base64 content ({error})") from error
