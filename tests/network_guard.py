"""A pytest plugin that fails any test which opens a socket to another host.

An audit hook sees every connection and name look-up of the interpreter, also those made from C.
Unix sockets and this machine itself stay allowed: xdist and a headless browser need them.
"""

from __future__ import annotations

import ipaddress
import sys


class NetworkUseError(AssertionError):
    """A test tried to reach another host."""


def is_local(host: object) -> bool:
    """Return whether ``host`` is this machine, or no network address at all."""
    if host is None or host in {"localhost", "", b"localhost"}:
        return True
    try:
        return ipaddress.ip_address(str(host)).is_loopback
    except ValueError:
        return False


def guard(event: str, args: tuple[object, ...]) -> None:
    """Raise for a connection or a look-up that leaves this machine."""
    host: object = None
    if event == "socket.connect" and isinstance(args[1], tuple):
        host = args[1][0]
    elif event == "socket.getaddrinfo":
        host = args[0]
    if not is_local(host):
        raise NetworkUseError(f"{event} to {host!r}: tests reach no other host")


sys.addaudithook(guard)
