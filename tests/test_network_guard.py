"""The guard must fire, or every other test could reach out unseen."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

from network_guard import NetworkUseError, is_local

ELSEWHERE = "192.0.2.1"  # reserved for documentation: nobody is there


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", None])
def test_this_machine_is_allowed(host: str | None) -> None:
    assert is_local(host)


def test_a_connection_to_another_host_fails_the_test() -> None:
    with socket.socket() as connection, pytest.raises(NetworkUseError, match=ELSEWHERE):
        connection.connect((ELSEWHERE, 80))


def test_a_name_look_up_fails_the_test() -> None:
    with pytest.raises(NetworkUseError, match=r"example\.invalid"):
        socket.getaddrinfo("example.invalid", 80)


def test_it_guards_a_pytest_in_a_subprocess_too(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        f"""
        import socket

        def test_reaching_out():
            socket.create_connection(("{ELSEWHERE}", 80))
        """
    )
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "network_guard", "-q"],
        cwd=pytester.path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert "tests reach no other host" in result.stdout
