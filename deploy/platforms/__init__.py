"""Clients of the platforms, at the wire: Fly Machines, Cloudflare Pages, the image registry.

One file a resource over one send function (`http.py`). Base addresses are given, so that the same code speaks to the
cloud or to the emulator. Nothing outside this package knows HTTP.
"""
