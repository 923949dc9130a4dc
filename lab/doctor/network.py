"""Ports, addresses and proxies."""

import shlex
from collections.abc import Iterable
from ipaddress import IPv4Network, ip_address, ip_network

from lab.doctor.case import Answer, Case, Check, of_containers, ok, problem, warning
from lab.doctor.machine import Machine, Row, told
from lab.doctor.ownership import network, ours

DEFAULT_POOLS = 31
"""Networks Docker has addresses for unless `default-address-pools` says otherwise: 172.17-31/16 and 192.168.0/20 on."""


def ports(case: Case) -> Answer:
    machine = case.machine
    if machine.record is None:
        return ok("none kept yet; free ones are chosen")
    kept = {port: purpose for purpose, port in machine.record.ports.items()}
    own = set(machine.served.values()) if case.simulated else _published(case)
    lost = sorted(machine.taken_ports & kept.keys() - own)
    if not lost:
        return ok(f"{len(kept)} kept, none taken by another program")
    named = ", ".join(f"{port} ({kept[port]})" for port in lost)
    listing = {"Darwin": f"lsof -nP -iTCP:{lost[0]} -sTCP:LISTEN"}
    look = listing.get(machine.system, f"ss -ltnp 'sport = :{lost[0]}'")
    return problem(f"another program listens on {named}", f"{look}    # end that program, or: lab down && lab up")


def _published(case: Case) -> set[int]:
    """Ports of this machine that the lab's own containers listen on."""
    rows = ours(case.machine.containers(), case.settings.home, case.name)
    return {int(port["PublicPort"]) for row in rows for port in row.get("Ports") or () if port.get("PublicPort")}


def _ranges(row: Row) -> list[IPv4Network]:
    found = []
    for config in (row.get("IPAM") or {}).get("Config") or ():
        parsed = ip_network(config["Subnet"], strict=False) if config.get("Subnet") else None
        if isinstance(parsed, IPv4Network):
            found.append(parsed)
    return found


def _bridges(networks: Iterable[Row]) -> set[str]:
    """Interface names of Docker's bridges."""
    names = {"docker0"}
    for row in networks:
        names.add(str((row.get("Options") or {}).get("com.docker.network.bridge.name") or f"br-{row['Id'][:12]}"))
    return names


def subnet(case: Case) -> Answer:
    """The lab's network against the routes of this machine, e.g. of a VPN."""
    machine = case.machine
    machine.own_kernel()
    networks = told(machine.answered().networks, "Docker did not answer in time")
    mine = next((row for row in networks if row["Name"] == network(case.name)), None)
    if mine is None:
        return ok(f"network {network(case.name)} is made on first use, clear of all routes")
    foreign = [(face, route) for face, route in machine.routes() if face not in _bridges(networks)]
    for own in _ranges(mine):
        hosts = own if own.prefixlen >= 26 else next(own.subnets(new_prefix=26))
        for face, route in foreign:
            if not route.overlaps(own):
                continue
            detail = f"{mine['Name']} has {own}, {face} routes {route}"
            fix = _move(mine["Name"], [r for _, r in foreign] + [r for row in networks for r in _ranges(row)])
            # The longer prefix wins: only then does traffic for the nodes leave by the other interface.
            if route.prefixlen >= own.prefixlen and route.overlaps(hosts):
                return problem(detail, fix)
            return warning(f"{detail}; addresses behind {face} in that range cannot be reached", fix)
    return ok(f"{mine['Name']} has {', '.join(map(str, _ranges(mine))) or 'no IPv4 range'}, no route into it")


def _move(name: str, used: Iterable[IPv4Network]) -> str:
    """Make the network again in a range that nobody uses."""
    taken = list(used)
    ranges = IPv4Network("10.192.0.0/10").subnets(new_prefix=20)
    free = next((candidate for candidate in ranges if not any(candidate.overlaps(other) for other in taken)), None)
    if free is None:
        return "docker network ls    # no range of 10.192.0.0/10 is free; choose one for docker network create --subnet"
    return (
        f"docker network rm {shlex.quote(name)} && docker network create --subnet {free} {shlex.quote(name)}"
        "    # after: lab down"
    )


def pools(case: Case) -> Answer:
    networks = told(case.machine.answered().networks, "Docker did not answer in time")
    bridges = [row for row in networks if row.get("Driver") == "bridge"]
    if any(row["Name"] == network(case.name) for row in bridges):
        return ok(f"network {network(case.name)} exists")
    custom = case.machine.info().get("DefaultAddressPools")
    detail = f"{len(bridges)} bridge networks, Docker has addresses for about {DEFAULT_POOLS}"
    if len(bridges) >= DEFAULT_POOLS and not custom:
        return problem(detail, "docker network ls    # then remove what you can spare: docker network rm NAME")
    return ok(detail if not custom else f"{len(bridges)} bridge networks, own address pools")


def _covered(host: str, exceptions: str) -> bool:
    """Whether a no_proxy list exempts a host, by the rules of Go's net/http (golang.org/x/net/http/httpproxy)."""
    for entry in (part.strip() for part in exceptions.split(",")):
        if not entry:
            continue
        if entry == "*" or host == entry.lstrip(".") or host.endswith("." + entry.lstrip(".*")):
            return True
        if "/" in entry and host[0].isdigit():
            try:
                if ip_address(host) in ip_network(entry, strict=False):
                    return True
            except ValueError:
                continue
    return False


def proxy(case: Case) -> Answer:
    """git and curl ask a proxy for loopback too unless told not to; a node asks it for its own API server."""
    machine = case.machine
    seen = machine.environment
    names = sorted(name for name in seen if name.lower().endswith("_proxy") and name.lower() != "no_proxy")
    missing = [host for host in ("127.0.0.1", "localhost") if not _covered(host, _exceptions(machine))]
    if names and missing:
        return warning(
            f"{', '.join(names)} set, NO_PROXY lacks {', '.join(missing)}",
            f'export NO_PROXY="${{NO_PROXY:+$NO_PROXY,}}{",".join(missing)}" && export no_proxy="$NO_PROXY"',
        )
    if machine.docker_config.get("proxies") and not case.simulated:
        exceptions = str(machine.docker_config.get("noProxy", ""))
        nodes = [f"{case.name}-{cluster}-control-plane" for cluster in case.need.clusters]
        missing = [node for node in nodes if not _covered(node, exceptions)]
        if missing:
            value = ",".join([exceptions, *missing] if exceptions else missing)
            script = (
                'import json, pathlib; p = pathlib.Path.home() / ".docker/config.json"; c = json.loads(p.read_text()); '
                f'c["proxies"]["default"]["noProxy"] = "{value}"; p.write_text(json.dumps(c, indent=2))'
            )
            detail = f"Docker's config.json gives containers a proxy, its noProxy lacks {', '.join(missing)}"
            return warning(detail, f"python3 -c {shlex.quote(script)}")
    return ok(f"{', '.join(names)} set, loopback is exempt" if names else "none set")


def _exceptions(machine: Machine) -> str:
    """NO_PROXY in both spellings."""
    return ",".join(machine.environment.get(name, "") for name in ("NO_PROXY", "no_proxy"))


CHECKS = (
    Check("ports", "ports of this lab", ports),
    *of_containers(Check("subnet", "network of this lab", subnet)),
    *of_containers(Check("address-pools", "addresses for networks", pools)),
    Check("proxy", "proxy", proxy),
)
