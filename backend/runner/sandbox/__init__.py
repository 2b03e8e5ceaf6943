"""The sandbox: what a program may see, use and leave behind.

Theory of operation
-------------------
The service owns a few *slots*; each runs one program at a time. For every step (a compile, a run) it starts
bubblewrap, which makes the namespaces, mounts and drops what `command.py` says, and becomes two processes:

    service ── bubblewrap's monitor ── pid 1 of the sandbox ── the program and all its descendants
       │            │
       │            └─ tells pid 1's id and the exit status over a pipe that the program never has
       └─ `supervise.py`: one thread a step pumps output, samples memory and processes, keeps the clock

Where the service is root, the monitor and all below run under the slot's own uid; where it is not, the user
namespace alone sets them apart. Resource limits and the seccomp filter are set inside, before the program starts.
A step ends when the program does or when a limit is passed; either way pid 1 is killed through a pidfd and waited
for, and the kernel takes every survivor down with it. Sources go in as copies of memory files; a compiled program
comes out through the slot's directory, in which the service never opens a name (`slots.py`).
"""
