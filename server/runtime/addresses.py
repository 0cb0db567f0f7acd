"""Network addresses: whether one is this machine's."""

from ipaddress import ip_address


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
