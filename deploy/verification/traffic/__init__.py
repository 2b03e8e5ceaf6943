"""Counts lost requests during a rollout: every answer is checked, and every loss is reported with its cause.

Theory of operation. `python -m deploy.verification.traffic` is a process of its own, so that what it measures is not
slowed by whoever started it. Arrivals come at a constant rate whether or not earlier ones were answered (an open loop):
a service that stalls for a second is asked as often in that second. Half of the requests open a connection of their
own, half go over connections kept from before, because a rollout can lose either kind alone. Nothing is tried again: a
request that a patient client would repeat is a request lost. An answer counts when its body is right too.

Counting begins, for API and page each, with the first success: before a first release nothing serves.
"""

from deploy.verification.traffic.handle import Traffic, TrafficReport

__all__ = ["Traffic", "TrafficReport"]
