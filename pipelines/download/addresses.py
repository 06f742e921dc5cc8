"""Which addresses may be connected to: public ones, and those the recipe names.

A name is resolved once, every answer is checked, and the connection goes to a checked address. One private
answer among public ones refuses them all: a name that sometimes points inwards is not to be trusted.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from curate.schema import Outcome
from pipelines.download.policy import FetchPolicy, Refused
from pipelines.download.urls import PORTS, Target

# Ranges that Python's `is_global` passes in some supported version, though nothing public lives there.
_NOT_PUBLIC_4 = tuple(
    map(
        IPv4Network,
        (
            "192.0.0.0/24",  # protocol assignments
            "192.88.99.0/24",  # 6to4 relays, withdrawn
            "168.63.129.16/32",  # the host's own services inside one large cloud
        ),
    )
)
_UNICAST_6 = IPv6Network("2000::/3")  # the only IPv6 space handed out to the public
_NOT_PUBLIC_6 = (IPv6Network("3fff::/20"),)  # documentation
_NAT64 = IPv6Network("64:ff9b::/96")


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """The address is reachable from anywhere, and so is every IPv4 address wrapped inside it."""
    if isinstance(address, IPv4Address):
        return (
            address.is_global
            and not (address.is_multicast or address.is_reserved)
            and not any(address in network for network in _NOT_PUBLIC_4)
        )
    if address.ipv4_mapped:
        return is_public(address.ipv4_mapped)
    if address in _NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFF_FFFF))
    inner = [address.sixtofour] if address.sixtofour else list(address.teredo or ())
    return (
        address in _UNICAST_6
        and address.is_global
        and not any(address in network for network in _NOT_PUBLIC_6)
        and all(map(is_public, inner))
    )


class Gate:
    """Admits the addresses of a host, all or none, and remembers them for the last check before a connect."""

    def __init__(self, policy: FetchPolicy) -> None:
        self._allowed = {entry.lower().removesuffix(".") for entry in policy.allow_private_hosts}
        self._resolve = {pattern.lower(): endpoint(target) for pattern, target in policy.resolve.items()}
        self._admitted: set[tuple[str, int]] = set()

    def check(self, target: Target) -> None:
        """What can be said before any lookup: the port, and the host if it is an address."""
        if target.address:
            self.admit(target.host, target.port, [(target.host, target.port)])
        elif self.resolved(target.host):
            return  # the port that counts is the one it is mapped to
        elif target.port not in PORTS.values() and not self._some_host_may_use(target.port):
            raise self._wrong_port(target.port)

    def resolved(self, host: str) -> tuple[str, int | None] | None:
        """The address, and maybe port, that the policy answers for a name."""
        if host in self._resolve:
            return self._resolve[host]
        labels = host.split(".")
        stars = ("*." + ".".join(labels[at:]) for at in range(1, len(labels)))
        return next((self._resolve[star] for star in stars if star in self._resolve), None)

    def admit(self, host: str, port: int, endpoints: Sequence[tuple[str, int]]) -> None:
        """Raises Refused unless every endpoint of the host may be connected to."""
        for text, to_port in endpoints:
            address = ip_address(text)
            if self._allowed & _names(host, port, address, to_port):
                continue
            if not is_public(address):
                raise Refused(Outcome.PRIVATE_ADDRESS, f"{host} is at {address}, which is not a public address")
            if to_port not in PORTS.values():
                raise self._wrong_port(to_port)
        self._admitted.update(endpoints)

    def admitted(self, address: str, port: int) -> bool:
        return (address, port) in self._admitted

    def _some_host_may_use(self, port: int) -> bool:
        return any(entry.endswith(f":{port}") or ":" not in entry for entry in self._allowed)

    @staticmethod
    def _wrong_port(port: int) -> Refused:
        return Refused(Outcome.BAD_URL, f"port {port} is neither 80 nor 443 nor allowed for this host")


def endpoint(text: str) -> tuple[str, int | None]:
    """ "127.0.0.1:8123", "[::1]:80" or an address alone, as address and port. Raises ValueError."""
    try:
        return str(ip_address(text.strip("[]"))), None
    except ValueError:
        address, _, port = text.rpartition(":")
        return str(ip_address(address.strip("[]"))), int(port)


def _names(host: str, port: int, address: IPv4Address | IPv6Address, to_port: int) -> set[str]:
    """Every way in which `allow_private_hosts` may name an endpoint."""
    shown = f"[{address}]" if isinstance(address, IPv6Address) else str(address)
    return {host, f"{host}:{port}", str(address), shown, f"{shown}:{to_port}"}
