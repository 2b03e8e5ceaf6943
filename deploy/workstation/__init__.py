"""Provides what a verb needs on this machine: system packages, two server programs, and a Docker engine.

As root on Debian or Ubuntu it is installed; elsewhere the exact command is printed and the verb exits 2.
"""

from deploy.workstation.docker_engine import docker_host, stop_engine
from deploy.workstation.packages import need
from deploy.workstation.servers import program

__all__ = ["docker_host", "need", "program", "stop_engine"]
