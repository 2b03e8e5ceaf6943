"""What programs on the Java virtual machine share: a quick start, and a heap that leaves room beneath the limit."""

from backend.runner.sandbox.limits import Limits

# One thread collects, one compiler compiles quickly: most programs end before a second one would pay off.
FLAGS = ("-Xshare:auto", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:-UsePerfData", "-Xss8m")

LIMITS = Limits(memory_kb=512 * 1024)
HEAP = "-Xmx320m"
