"""What running a program through the service costs, beside what others cost on the same machine at the same time.

Absolute milliseconds tell of the machine; ratios tell of the program. Everything is therefore measured interleaved, in
rounds of random order, and told as a ratio to the bare interpreter or toolchain with a bootstrap interval.
"""

from deploy.bench.runner.measure import Plan, measure
from deploy.bench.runner.report import Report

__all__ = ["Plan", "Report", "measure"]
