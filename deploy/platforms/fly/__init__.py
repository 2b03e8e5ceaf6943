"""Fly Machines: apps, machines, leases, secrets; and fly.toml turned into machine configurations."""

from deploy.platforms.fly.client import FlyClient
from deploy.platforms.fly.machines import Check, Machine, MachineClient

__all__ = ["Check", "FlyClient", "Machine", "MachineClient"]
