"""Machines whose programs, kernel or resources cannot carry a lab."""

from dataclasses import replace

from tests.fakes import machines as m
from tests.fakes.machines import V134, Failure


def env(**variables: str) -> dict[str, str]:
    return {**m.ubuntu().environment, **variables}


SYSCTL = "echo {} | sudo tee -a /etc/sysctl.d/99-gitops-lab.conf && sudo sysctl --system"
GET_KIND = (
    "curl -fLo kind https://kind.sigs.k8s.io/dl/v0.32.0/kind-linux-{} && sudo install kind /usr/local/bin/ && rm kind"
)
GET_KUBECTL = (
    "curl -fLO https://dl.k8s.io/release/v1.36.1/bin/linux/amd64/kubectl && "
    "sudo install kubectl /usr/local/bin/ && rm kubectl"
)
WSLCONFIG = (
    "printf '[wsl2]\\n{}\\n' >> "
    "\"$(wslpath \"$(cmd.exe /c 'echo %USERPROFILE%' 2>/dev/null | tr -d '\\r')\")/.wslconfig\" && wsl.exe --shutdown"
)
INSTANCES = "/proc/sys/fs/inotify/max_user_instances"


PROGRAMS: dict[str, Failure] = {
    "no kind": Failure(
        machine=m.with_tool(m.ubuntu(), "kind"), id="kind", detail="not on PATH", fix=GET_KIND.format("amd64")
    ),
    "no kind on arm64": Failure(
        machine=m.with_tool(replace(m.ubuntu(), architecture="aarch64"), "kind"),
        id="kind",
        detail="not on PATH",
        fix=GET_KIND.format("arm64"),
    ),
    "no kind on a Mac": Failure(
        machine=m.with_tool(m.mac(), "kind"),
        id="kind",
        detail="not on PATH",
        fix="brew upgrade kind || brew install kind",
    ),
    "kind for another processor": Failure(
        machine=m.with_tool(m.ubuntu(), "kind", path="/usr/local/bin/kind", failure="Exec format error"),
        id="kind",
        detail="/usr/local/bin/kind does not work: Exec format error",
        fix=GET_KIND.format("amd64"),
    ),
    "kind of 2023": Failure(
        machine=m.with_tool(m.ubuntu(), "kind", path="/usr/bin/kind", output="kind version 0.20.0"),
        id="kind",
        detail="found 0.20.0, needed 0.30",
        fix=GET_KIND.format("amd64"),
    ),
    "no kubectl": Failure(
        machine=m.with_tool(m.ubuntu(), "kubectl"), id="kubectl", detail="not on PATH", fix=GET_KUBECTL
    ),
    "kubectl four minors behind": Failure(
        machine=m.with_tool(m.ubuntu(), "kubectl", path="/usr/bin/kubectl", output="Client Version: v1.32.4"),
        id="kubectl",
        verdict="warning",
        detail="found 1.32.4, the clusters run 1.36",
        fix=GET_KUBECTL,
    ),
    "no git on Debian": Failure(
        machine=m.with_tool(m.ubuntu(), "git"),
        id="git",
        detail="not on PATH",
        fix="sudo apt-get update && sudo apt-get install -y git",
    ),
    "git of 2018": Failure(
        machine=m.with_tool(
            m.with_files(m.ubuntu(), {"/etc/os-release": 'ID="centos"\nID_LIKE="rhel fedora"\n'}),
            "git",
            path="/usr/bin/git",
            output="git version 2.17.1",
        ),
        id="git",
        detail="found 2.17.1, needed 2.28",
        fix="sudo dnf install -y git",
    ),
    "Python 3.10": Failure(
        machine=replace(m.ubuntu(), python=(3, 10, 12)),
        id="python",
        detail="found 3.10.12, needed 3.11",
        fix="pipx reinstall --python python3.12 gitops-lab",
    ),
    "Latin-1 terminal": Failure(
        machine=replace(m.ubuntu(), environment=env(LC_ALL="de_DE.ISO-8859-1")),
        id="terminal",
        verdict="warning",
        detail="locale de_DE.ISO-8859-1 is not UTF-8",
        fix="export LANG=C.UTF-8",
    ),
    "dumb terminal": Failure(
        machine=replace(m.ubuntu(), environment=env(TERM="dumb")),
        id="terminal",
        verdict="warning",
        detail="TERM is dumb",
        fix="export TERM=xterm-256color",
    ),
}

KERNEL: dict[str, Failure] = {
    "cgroup v1 with a new node image": Failure(
        machine=m.with_info(m.ubuntu(), CgroupVersion="1"),
        id="cgroup",
        detail="v1; Kubernetes 1.36 needs v2",
        fix=f"export LAB_NODE_IMAGE={V134}    # or for good: boot with systemd.unified_cgroup_hierarchy=1",
    ),
    "cgroup v1 in WSL": Failure(
        machine=m.with_info(m.wsl(), CgroupVersion="1"),
        id="cgroup",
        detail="v1; Kubernetes 1.36 needs v2",
        fix=WSLCONFIG.format("kernelCommandLine = cgroup_no_v1=all"),
    ),
    "cgroup v1 with an older node image": Failure(
        machine=m.with_engine(m.with_info(m.ubuntu(), CgroupVersion="1"), images={**m.IMAGES, V134: True}),
        settings=m.settings(node_image=V134),
        id="cgroup",
        verdict="warning",
        detail="enough for Kubernetes 1.34",
        fix="stat -fc %T /sys/fs/cgroup    # cgroup2fs is wanted: boot with systemd.unified_cgroup_hierarchy=1",
        also=("kubectl",),
    ),
    "WSL 1": Failure(
        machine=m.unreached(replace(m.ubuntu(), kernel="4.4.0-19041-Microsoft"), "docker-stopped"),
        id="wsl",
        verdict="warning",
        detail="WSL 1 has no Linux kernel",
        fix="wsl.exe --set-default-version 2",
        also=("docker-stopped",),
    ),
    "128 inotify instances, twelve clusters": Failure(
        machine=m.with_files(m.ubuntu(), {INSTANCES: "128\n"}),
        scenario=m.scenario(workers=11),
        id="inotify-instances",
        detail="limit 128, about 24 used, 336 more needed",
        fix=SYSCTL.format("fs.inotify.max_user_instances=720"),
    ),
    "128 inotify instances, three clusters": Failure(
        machine=m.with_files(m.ubuntu(), {INSTANCES: "128\n"}),
        id="inotify-instances",
        verdict="warning",
        detail="limit 128, about 24 used, 84 more needed",
        fix=SYSCTL.format("fs.inotify.max_user_instances=512"),
    ),
    "inotify instances used up by others": Failure(
        machine=m.with_files(replace(m.ubuntu(), uid=0, inotify={0: (110, 900)}), {INSTANCES: "128\n"}),
        id="inotify-instances",
        detail="limit 128, about 110 used",
        fix=SYSCTL.format("fs.inotify.max_user_instances=512"),
    ),
    "inotify instances used up by kind, which only root could count": Failure(
        machine=m.with_files(
            m.with_engine(m.ubuntu(), containers=tuple(m.node(f"c{n}", mark=None) for n in range(5))),
            {INSTANCES: "200\n"},
        ),
        id="inotify-instances",
        detail="limit 200, about 164 used",
        fix=SYSCTL.format("fs.inotify.max_user_instances=512"),
    ),
    "8192 inotify watches": Failure(
        machine=m.with_files(
            replace(m.ubuntu(), uid=0, inotify={0: (20, 7900)}), {"/proc/sys/fs/inotify/max_user_watches": "8192\n"}
        ),
        id="inotify-watches",
        detail="limit 8192, about 7900 used",
        fix=SYSCTL.format("fs.inotify.max_user_watches=524288"),
    ),
    "keys of a rootless user": Failure(
        machine=m.with_files(m.rootless(), {"/proc/key-users": " 1000:   188 187/187 187/200 3120/20000\n"}),
        id="keyring",
        detail="limit 200, 187 used",
        fix=SYSCTL.format("kernel.keys.maxkeys=2000"),
        also=("docker-rootless",),
    ),
    "keys of root": Failure(
        machine=m.with_files(m.ubuntu(), {"/proc/key-users": "    0:   190 190/190 190/200 3120/20000\n"}),
        id="keyring",
        detail="limit 200, 190 used",
        fix=SYSCTL.format("kernel.keys.root_maxkeys=2000"),
    ),
    "pid_max of a small machine": Failure(
        machine=m.with_files(m.ubuntu(), {"/proc/sys/kernel/pid_max": "2500\n"}),
        id="tasks",
        detail="kernel.pid_max 2500, 1873 used",
        fix=SYSCTL.format("kernel.pid_max=4194304"),
    ),
    "task limit of a container": Failure(
        machine=m.with_files(m.ubuntu(), {"/sys/fs/cgroup/pids.max": "1024\n", "/sys/fs/cgroup/pids.current": "411\n"}),
        id="tasks",
        detail="pids.max of this machine 1024, 411 used",
        fix="cat /sys/fs/cgroup/pids.max    # raise the task limit of the container or machine this runs in",
    ),
    "task limit of a rootless user": Failure(
        machine=m.with_files(m.rootless(), {"user.slice/pids.max": "1500\n", "user.slice/pids.current": "1402\n"}),
        id="tasks",
        detail="pids.max of your user 1500, 1402 used",
        fix="sudo systemctl set-property user-1000.slice TasksMax=infinity",
        also=("docker-rootless",),
    ),
    "64 open files": Failure(
        machine=replace(m.ubuntu(), open_files=64),
        id="open-files",
        detail="this shell allows 64, needed 136",
        fix='ulimit -n "$(ulimit -Hn)"',
    ),
    "open files of the system": Failure(
        machine=m.with_files(m.ubuntu(), {"/proc/sys/fs/file-nr": "65000\t0\t65536\n"}),
        id="open-files",
        detail="the system allows 65536, 65000 used",
        fix=SYSCTL.format("fs.file-max=200000"),
    ),
    "Docker Desktop overslept": Failure(
        machine=m.with_info(m.mac(), SystemTime="2025-10-09T05:10:00Z"),
        id="clock",
        verdict="warning",
        detail="Docker's clock is 13400 s behind",
        fix="docker desktop restart",
    ),
    "WSL overslept": Failure(
        machine=m.with_engine(m.wsl(), asked=(m.NOW - 3600, m.NOW - 3600)),
        id="clock",
        detail="Docker's clock is 3600 s ahead",
        fix="sudo hwclock -s",
    ),
}

RESOURCES: dict[str, Failure] = {
    "Docker Desktop with 2.6 GiB": Failure(
        machine=m.with_info(m.mac(), MemTotal=int(2.6 * m.GIB)),
        id="memory",
        detail="Docker has 2.6 GiB, needed about 2.4 GiB",
        fix="docker desktop restart    # first: Settings > Resources > Memory 4 GB or more",
        verdict="warning",
    ),
    "Docker Desktop with 2 GiB, distributed": Failure(
        machine=m.with_info(m.mac(), MemTotal=2 * m.GIB - 30_000_000),
        scenario=m.scenario(instances=3, name="distributed"),
        id="memory",
        detail="Docker has 2.0 GiB, needed about",
        fix="docker desktop restart    # first: Settings > Resources > Memory 6 GB or more",
    ),
    "WSL with 2 GiB": Failure(
        machine=m.with_info(m.with_files(m.wsl(), {"/proc/meminfo": m.meminfo(1.9, 1.2)}), MemTotal=int(1.9 * m.GIB)),
        id="memory",
        detail="Docker has 1.9 GiB, needed about",
        fix=WSLCONFIG.format("memory=4GB"),
    ),
    "memory taken by others": Failure(
        machine=m.with_files(m.ubuntu(), {"/proc/meminfo": m.meminfo(15.5, 1.0)}),
        id="memory",
        detail="1.0 GiB of 15.5 GiB available, about",
        fix="docker stats --no-stream && ps aux --sort=-rss | head    # end what you can spare",
    ),
    "one processor": Failure(
        machine=m.with_info(m.ubuntu(), NCPU=1),
        id="processors",
        verdict="warning",
        detail="found 1, recommended 2",
        fix="export LAB_CREATE_SLOTS=1",
    ),
    "more slots than processors": Failure(
        machine=m.with_info(m.ubuntu(), NCPU=4),
        settings=m.settings(create_slots=8),
        id="processors",
        verdict="warning",
        detail="found 4, but 8 clusters",
        fix="export LAB_CREATE_SLOTS=4",
    ),
    "Docker's disk full": Failure(
        machine=replace(m.ubuntu(), docker_root=replace(m.ubuntu().docker_root, free=m.GIB)),  # type: ignore[type-var]
        id="docker-disk",
        detail="1.0 GiB free at /var/lib/docker",
        fix="docker system df && docker builder prune && docker image prune",
    ),
    "Docker's disk nearly full": Failure(
        machine=replace(m.ubuntu(), docker_root=replace(m.ubuntu().docker_root, free=8 * m.GIB)),  # type: ignore[type-var]
        id="docker-disk",
        verdict="warning",
        detail="8.0 GiB free at /var/lib/docker",
        fix="docker system df && docker builder prune && docker image prune",
    ),
    "home disk full": Failure(
        machine=replace(m.ubuntu(), home=replace(m.ubuntu().home, free=20 << 20)),  # type: ignore[type-var]
        id="lab-disk",
        detail="20 MiB free at /home/ann/.local/share/gitops-lab, needed 1.0 GiB",
        fix=f"df -h {m.HOME} && docker system df    # or set LAB_HOME and LAB_CACHE",
    ),
    "LAB_HOME of another user": Failure(
        machine=replace(m.ubuntu(), home=replace(m.ubuntu().home, writable=False, exists=True)),  # type: ignore[type-var]
        id="lab-home",
        detail="cannot be written",
        fix=f'sudo chown -R "$USER" {m.HOME}    # or: export LAB_HOME="$HOME/gitops-lab"',
    ),
    "LAB_HOME open to all": Failure(
        machine=replace(m.ubuntu(), home=replace(m.ubuntu().home, private=False, exists=True)),  # type: ignore[type-var]
        id="lab-home",
        verdict="warning",
        detail="others can look into",
        fix=f"chmod 700 {m.HOME}",
    ),
    "LAB_HOME on NFS": Failure(
        machine=replace(m.ubuntu(), home=replace(m.ubuntu().home, kind="nfs4")),  # type: ignore[type-var]
        id="lab-home",
        verdict="warning",
        detail="is on nfs4",
        fix='export LAB_HOME="$HOME/gitops-lab"',
    ),
    "LAB_HOME on a Windows drive": Failure(
        machine=replace(m.wsl(), home=replace(m.ubuntu().home, kind="9p")),  # type: ignore[type-var]
        id="lab-home",
        verdict="warning",
        detail="is on 9p",
        fix='export LAB_HOME="$HOME/gitops-lab"',
    ),
    "LAB_HOME mounted noexec": Failure(
        machine=replace(m.ubuntu(), home=replace(m.ubuntu().home, noexec=True)),  # type: ignore[type-var]
        id="lab-home",
        verdict="warning",
        detail="git hooks do not run",
        fix='export LAB_HOME="$HOME/gitops-lab"',
    ),
}
