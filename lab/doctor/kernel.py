"""The kernel below the containers: control groups, inotify, keys, tasks, files, time."""

import re
from datetime import datetime

from lab.doctor.case import Answer, Case, Check, of_containers, ok, problem, warning
from lab.doctor.install import sysctl, wsl_setting
from lab.doctor.machine import KIND_CLUSTER, Machine, Unanswered, told
from lab.doctor.need import INSTANCES_BASE, NODE

CGROUP_V1_ENDS = 35
"""From this minor on the kubelet refuses cgroup v1 (https://kubernetes.io/docs/concepts/architecture/cgroups/)."""
CGROUP_V1_IMAGE = "kindest/node:v1.34.0"
INSTANCES, WATCHES = 512, 524288
"""What kind's known issues recommend."""
MACHINE_TASKS, USER_TASKS = "pids.max of this machine", "pids.max of your user"
CLOCK_TOLERANCE = 5.0
"""Seconds."""
CERTIFICATE_BACKDATE = 300.0
"""Seconds kubeadm dates a new certificate back; a clock that is further behind calls it not yet valid."""


def node_minor(image: str) -> int | None:
    """Kubernetes minor of a node image, from its tag; None when the tag does not tell."""
    match = re.search(r":v?1\.(\d+)", image)
    return int(match[1]) if match else None


def cgroup(case: Case) -> Answer:
    machine = case.machine
    version = str(machine.info().get("CgroupVersion") or "")
    if not version:
        raise Unanswered("Docker does not tell its cgroup version")
    if version == "2":
        return ok("v2")
    minor = node_minor(case.settings.node_image)
    boot = "stat -fc %T /sys/fs/cgroup    # cgroup2fs is wanted: boot with systemd.unified_cgroup_hierarchy=1"
    if machine.wsl():
        boot = wsl_setting("kernelCommandLine = cgroup_no_v1=all")
    if minor is None or minor < CGROUP_V1_ENDS:
        known = f"1.{minor}" if minor else "before 1.35"
        return warning(f"v1; enough for Kubernetes {known}, not for 1.35 and later", boot)
    older = f"export LAB_NODE_IMAGE={CGROUP_V1_IMAGE}    # or for good: boot with systemd.unified_cgroup_hierarchy=1"
    return problem(f"v1; Kubernetes 1.{minor} needs v2", boot if machine.wsl() else older)


def wsl(case: Case) -> Answer:
    version = case.machine.wsl()
    if version == 1:
        return warning("WSL 1 has no Linux kernel of its own and cannot run Docker", "wsl.exe --set-default-version 2")
    return ok(f"WSL {version}" if version else "not Windows")


def _used(machine: Machine, index: int) -> int:
    """inotify instances (0) or watches (1) in use by the containers' user: counted, else estimated."""
    uid = machine.uid if machine.rootless() else 0
    counted = told(machine.inotify, "inotify use could not be counted in time")
    if uid in counted:
        return counted[uid][index]
    if machine.uid == 0:
        return 0
    nodes = sum(1 for c in machine.containers() if KIND_CLUSTER in (c.get("Labels") or {}) and c["State"] == "running")
    base, share = ((INSTANCES_BASE, NODE.instances), (0, NODE.watches))[index]
    return base + nodes * share


def _inotify(case: Case, index: int, setting: str, recommended: int, needed: int) -> Answer:
    machine = case.machine
    machine.own_kernel()
    limit = machine.number(f"/proc/sys/fs/inotify/{setting}")
    used = _used(machine, index)
    detail = f"limit {limit}, about {used} used, {needed} more needed"
    value = max(recommended, 2 * (used + needed))
    fix = sysctl(f"fs.inotify.{setting}", value)
    if needed > limit - used:
        return problem(detail, fix)
    if needed > 0.8 * (limit - used):
        return warning(detail, fix)
    return ok(detail)


def inotify_instances(case: Case) -> Answer:
    return _inotify(case, 0, "max_user_instances", INSTANCES, case.need.rest.instances)


def inotify_watches(case: Case) -> Answer:
    return _inotify(case, 1, "max_user_watches", WATCHES, case.need.rest.watches)


def keyring(case: Case) -> Answer:
    """Every container takes a session keyring from its user's quota (`man 7 keyrings`)."""
    machine = case.machine
    machine.own_kernel()
    uid = machine.uid if machine.rootless() else 0
    table = told(machine.files.get("/proc/key-users"), "/proc/key-users cannot be read")
    match = re.search(rf"^\s*{uid}:\s+\d+\s+\S+\s+(\d+)/(\d+)", table, re.M)
    setting = "maxkeys" if uid else "root_maxkeys"
    used, limit = (int(match[1]), int(match[2])) if match else (0, machine.number(f"/proc/sys/kernel/keys/{setting}"))
    needed = case.need.rest.keys
    detail = f"limit {limit}, {used} used, {needed} more needed"
    value = max(2000, 2 * (used + needed))
    fix = sysctl(f"kernel.keys.{setting}", value)
    if used + needed > limit:
        return problem(detail, fix)
    return warning(detail, fix) if used + needed > 0.7 * limit else ok(detail)


def tasks(case: Case) -> Answer:
    """The tightest of the limits on processes and threads."""
    machine = case.machine
    machine.own_kernel()
    needed = case.need.rest.tasks
    running = int(told(machine.files.get("/proc/loadavg"), "/proc/loadavg cannot be read").split()[3].split("/")[1])
    limits = {
        "kernel.pid_max": (machine.number("/proc/sys/kernel/pid_max"), running),
        "kernel.threads-max": (machine.number("/proc/sys/kernel/threads-max"), running),
    }
    places = {MACHINE_TASKS: "/sys/fs/cgroup"}
    if machine.rootless():
        places[USER_TASKS] = "user.slice"
    for title, place in places.items():
        text = machine.files.get(f"{place}/pids.max", "max").strip()
        if text != "max":
            limits[title] = (int(text), int(machine.files.get(f"{place}/pids.current", "0")))
    title, (limit, used) = min(limits.items(), key=lambda item: item[1][0] - item[1][1])
    detail = f"{title} {limit}, {used} used, {needed} more needed"
    if needed <= limit - used:
        return ok(detail)
    if title.startswith("kernel."):
        value = max(4194304 if title == "kernel.pid_max" else 100000, 2 * (used + needed))
        return problem(detail, sysctl(title, value))
    if title == USER_TASKS:
        return problem(detail, f"sudo systemctl set-property user-{machine.uid}.slice TasksMax=infinity")
    return problem(
        detail, "cat /sys/fs/cgroup/pids.max    # raise the task limit of the container or machine this runs in"
    )


def open_files(case: Case) -> Answer:
    machine = case.machine
    mine = told(machine.open_files, "the limit of this shell cannot be read")
    needed = 64 + 24 * len(case.need.clusters)
    if mine < needed:
        return problem(f"this shell allows {mine}, needed {needed}", 'ulimit -n "$(ulimit -Hn)"')
    table = machine.files.get("/proc/sys/fs/file-nr")
    if table is not None and machine.engine is not None and not machine.engine.code and machine.shares_kernel():
        used, _, limit = (int(word) for word in table.split())
        more = case.need.rest.files
        if used + more > limit:
            detail = f"the system allows {limit}, {used} used, {more} more needed"
            return problem(detail, sysctl("fs.file-max", max(200_000, 2 * (used + more))))
    return ok(f"this shell allows {mine if mine < 1 << 40 else 'any number'}, needed {needed}")


def clock(case: Case) -> Answer:
    """A virtual machine's clock stands still while the laptop sleeps; certificates and tokens mind."""
    machine = case.machine
    theirs = datetime.fromisoformat(str(machine.info()["SystemTime"])).timestamp()
    before, after = machine.answered().asked
    ahead = theirs - after if theirs > after else min(0.0, theirs - before)
    if abs(ahead) <= CLOCK_TOLERANCE:
        return ok(f"within {CLOCK_TOLERANCE:.0f} s of Docker's")
    detail = (
        f"Docker's clock is {abs(ahead):.0f} s {'ahead' if ahead > 0 else 'behind'}, tolerated {CLOCK_TOLERANCE:.0f} s"
    )
    if machine.desktop():
        fix = "docker desktop restart"
    elif machine.wsl():
        fix = "sudo hwclock -s"
    else:
        fix = "sudo timedatectl set-ntp true"
    return problem(detail, fix) if ahead > CERTIFICATE_BACKDATE else warning(detail, fix)


CHECKS = of_containers(
    Check("cgroup", "cgroup version", cgroup),
    Check("wsl", "Windows Subsystem for Linux", wsl),
    Check("inotify-instances", "inotify instances", inotify_instances),
    Check("inotify-watches", "inotify watches", inotify_watches),
    Check("keyring", "kernel keys", keyring),
    Check("tasks", "processes and threads", tasks),
    Check("open-files", "open files", open_files),
    Check("clock", "clock", clock),
)
