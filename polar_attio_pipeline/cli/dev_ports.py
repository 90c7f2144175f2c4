"""Free ports of this machine, and who has those that are not free."""

import socket

import psutil

HOST = "127.0.0.1"

TRIED = 20
"""So many ports in a row are tried."""


class NoPortError(Exception):
    """No port is free; the text says who has the first one."""


def free_port(wanted: int) -> int:
    """Return a port that is free on loopback: the wanted one, or one of those that follow it.

    Raises:
        NoPortError: all of them are taken.
    """
    for port in range(wanted, wanted + TRIED):
        if _is_free(port):
            return port
    raise NoPortError(
        f"No port from {wanted} to {wanted + TRIED - 1} is free: end what has one of them; {wanted} is taken by "
        f"{holder(wanted)}."
    )


def holder(port: int) -> str:
    """Name the process that listens at a port of this machine."""
    try:
        listening = [
            connection.pid
            for connection in psutil.net_connections("tcp")
            if connection.laddr and connection.laddr.port == port and connection.status == psutil.CONN_LISTEN
        ]
        pid = next((pid for pid in listening if pid), None)
        return f"{psutil.Process(pid).name()} (process {pid})" if pid else "a process of another user"
    except psutil.Error:
        # macOS shows connections to root only; and it may have ended just now.
        return "another process"


def _is_free(port: int) -> bool:
    try:
        with socket.create_server((HOST, port)):
            return True
    except OSError:
        return False
