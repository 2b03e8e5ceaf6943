"""Fly Machines and Cloudflare Pages on this machine, over a real Docker engine, registry and edge proxy.

Theory of operation. `start` detaches one host process (`python -m deploy.emulator serve`), which answers both
APIs on loopback and supervises three children: a registry (on a unix socket, so that nobody reaches it but through
the edge) and two Caddys. One is the edge: it routes by host name to machines and stands in front of the registry,
asking the host process who may do what. The other serves Pages deployments as files: publishing one may reload it,
which must not touch a request that the edge is passing on. A machine is a container; the host
process runs its checks and answers, as a name server, which machines may take requests just now. So a machine
that comes or goes changes an answer and not Caddy's configuration, and no connection is closed for it.

What tests need beside the provider's ways is asked for: faults by rule (`deploy.emulator.faults`), the documented rate
limits (`start(rates="documented")`), and a shorter time until idle machines stop (`start(idle_seconds=…)`). The edge
learns of changes of machines late, as the provider's does (`edge/view.py`; `start(lag=…)`), and serves from the region
where it is, if it can (`edge/regions.py`; `start(region=…)`).

Everything lives in one state directory: `stop` ends processes, containers and networks and keeps that directory,
and the next `start` brings the same machines and deployments back on the same ports.

This module needs the standard library alone, so that asking whether an emulator runs costs next to nothing.
"""

from deploy.emulator.control import LAG_SECONDS, Running, Tenant, running, start, stop
from deploy.emulator.errors import EmulatorError

__all__ = ["LAG_SECONDS", "EmulatorError", "Running", "Tenant", "running", "start", "stop"]
