"""The sandbox: what a program may see, use and leave behind.

Theory of operation
-------------------
The service owns a few *slots* (`slots.py`); each runs one program at a time. A slot is a process of the launcher, a
small program in C that makes the slot's namespaces and root once, and a cell for each run; `launcher/main.c` tells how.
`keeper.py` is the service's end of its socket, `frames.py` what travels there, `host.py` what the root consists of,
`seccomp.py` and `calls.py` what a program may ask of the kernel, `cgroup.py` the groups that slots live in, `spares.py`
what waits in a slot so that the next run starts sooner, `layers.py` which isolation layers hold.

The service itself touches nothing of a sandbox: sources go in, and compiled programs come out, as blocks of bytes that
the init of a cell writes and reads on the inside.
"""
