"""Memory, processors and disk: what there is against what the scenario takes."""

import shlex

from lab.doctor.case import Answer, Case, Check, of_containers, ok, problem, size, warning
from lab.doctor.install import wsl_setting
from lab.doctor.machine import told
from lab.doctor.need import CACHE_NEED, DISK_MARGIN, GIB, MIB

BASE = 300 * MIB
"""What the engine's own machine takes before any container."""
DOUBT = 0.8
"""The estimate is right to about a fifth: only below this share of it failure is certain."""


def memory(case: Case) -> Answer:
    if case.simulated:
        return _own_memory(case)
    machine = case.machine
    total = int(machine.info()["MemTotal"])
    needed, rest = case.need.total.memory, case.need.rest.memory
    gib = -(-(needed + BASE) // GIB) + 1
    if machine.desktop():
        fix = f"docker desktop restart    # first: Settings > Resources > Memory {gib} GB or more"
    elif machine.wsl():
        fix = wsl_setting(f"memory={gib}GB")
    else:
        fix = "docker stats --no-stream && ps aux --sort=-rss | head    # end what you can spare"
    swap = free = 0
    available = None
    if machine.shares_kernel():
        table = machine.memory()
        swap, free = table.get("SwapTotal", 0), table.get("SwapFree", 0)
        available = table.get("MemAvailable")
    detail = f"Docker has {size(total)}, needed about {size(needed)}"
    if total + swap < needed * DOUBT + BASE:
        return problem(detail, fix)
    if available is None:
        return ok(detail) if total >= needed + BASE else warning(detail, fix)
    detail = f"{size(available)} of {size(total)} available, about {size(rest)} more needed"
    if available + free < rest * DOUBT:
        return problem(detail, fix)
    return warning(detail, fix) if available < rest else ok(detail)


def _own_memory(case: Case) -> Answer:
    """Of this machine, where everything runs in one process of the lab's own."""
    table = case.machine.memory()
    rest = case.need.rest.memory
    detail = f"{size(table['MemAvailable'])} of {size(table['MemTotal'])} available, about {size(rest)} more needed"
    fix = "ps aux --sort=-rss | head    # end what you can spare"
    if table["MemAvailable"] + table.get("SwapFree", 0) < rest * DOUBT:
        return problem(detail, fix)
    return warning(detail, fix) if table["MemAvailable"] < rest else ok(detail)


def processors(case: Case) -> Answer:
    found = int(case.machine.info()["NCPU"])
    if found < 2:
        return warning(f"found {found}, recommended 2: expect a cluster to take minutes", "export LAB_CREATE_SLOTS=1")
    if case.settings.create_slots > found:
        detail = f"found {found}, but {case.settings.create_slots} clusters are to be created at once"
        return warning(detail, f"export LAB_CREATE_SLOTS={found}")
    return ok(f"found {found}, recommended 2")


def docker_disk(case: Case) -> Answer:
    case.machine.own_kernel()
    root = told(case.machine.docker_root, "Docker's folder is not on this machine")
    needed = case.need.rest.disk
    detail = f"{size(root.free)} free at {root.path}, about {size(needed)} needed and {size(DISK_MARGIN)} to spare"
    fix = "docker system df && docker builder prune && docker image prune"
    if root.free < needed:
        return problem(detail, fix)
    return warning(detail, fix) if root.free < needed + DISK_MARGIN else ok(detail)


def lab_disk(case: Case) -> Answer:
    folders = [told(f, "the lab's folders did not answer in time") for f in (case.machine.home, case.machine.cache)]
    tightest = min(folders, key=lambda folder: folder.free)
    detail = f"{size(tightest.free)} free at {tightest.path}, needed {size(CACHE_NEED)}"
    fix = f"df -h {shlex.quote(tightest.path)} && docker system df    # or set LAB_HOME and LAB_CACHE"
    if tightest.free < CACHE_NEED // 4:
        return problem(detail, fix)
    return warning(detail, fix) if tightest.free < CACHE_NEED else ok(detail)


NETWORK_FILESYSTEMS = ("nfs", "cifs", "smb", "fuse.sshfs", "9p", "drvfs", "afs")


def lab_home(case: Case) -> Answer:
    """The lab keeps passwords and tokens there, runs git hooks from it and locks with flock."""
    home = told(case.machine.home, "the lab's folder did not answer in time")
    elsewhere = 'export LAB_HOME="$HOME/gitops-lab"'
    if not home.writable:
        return problem(
            f"{home.path} cannot be written", f'sudo chown -R "$USER" {shlex.quote(home.path)}    # or: {elsewhere}'
        )
    if not home.private:
        return warning(f"others can look into {home.path}, which holds tokens", f"chmod 700 {shlex.quote(home.path)}")
    if home.kind.startswith(NETWORK_FILESYSTEMS):
        return warning(f"{home.path} is on {home.kind}: slow, and neither locks nor file modes are sure", elsewhere)
    if home.noexec:
        return warning(f"{home.path} is mounted noexec: git hooks do not run, pushes are noticed late", elsewhere)
    return ok(f"{home.path}, private{f', on {home.kind}' if home.kind else ''}")


CHECKS = (
    Check("memory", "memory", memory),
    *of_containers(Check("processors", "processors", processors)),
    *of_containers(Check("docker-disk", "Docker's disk", docker_disk)),
    Check("lab-disk", "disk of the lab's folder and cache", lab_disk),
    Check("lab-home", "the lab's folder", lab_home),
)
