"""Commands that install or start what is missing, for the system at hand."""

import re

from lab.doctor.machine import Machine

KIND = "v0.32.0"
KUBERNETES = re.compile(r":(v1\.\d+\.\d+)")
PACKAGES = {
    "apt": ("sudo apt-get update && sudo apt-get install -y {}", {"debian", "ubuntu"}),
    "dnf": ("sudo dnf install -y {}", {"fedora", "rhel", "centos"}),
    "pacman": ("sudo pacman -Sy --needed {}", {"arch"}),
    "zypper": ("sudo zypper install -y {}", {"suse", "opensuse"}),
}
DOWNLOADS = {
    "kind": "curl -fLo kind https://kind.sigs.k8s.io/dl/{version}/kind-linux-{architecture}",
    "kubectl": "curl -fLO https://dl.k8s.io/release/{version}/bin/linux/{architecture}/kubectl",
}


def upgrade(tool: str, machine: Machine, version: str = "") -> str:
    """Install the tool, or a newer one over it.

    :param version: release with the leading `v`, for kind and kubectl
    """
    if machine.system == "Darwin":
        cask = "--cask docker-desktop" if tool == "docker" else tool
        return f"brew upgrade {cask} || brew install {cask}"
    if tool in DOWNLOADS:
        architecture = "arm64" if machine.architecture in ("aarch64", "arm64") else "amd64"
        fetch = DOWNLOADS[tool].format(version=version or KIND, architecture=architecture)
        return f"{fetch} && sudo install {tool} /usr/local/bin/ && rm {tool}"
    if tool == "docker":
        return "curl -fsSL https://get.docker.com | sudo sh    # other ways: https://docs.docker.com/engine/install/"
    for command, families in PACKAGES.values():
        if families & machine.distribution():
            return command.format(tool)
    return f"command -v {tool}    # install it with your system's package manager"


def start_docker(machine: Machine) -> str:
    if machine.system == "Darwin":
        return "open -a Docker"
    if machine.cli_host.startswith(("tcp:", "ssh:")):
        back = "unset DOCKER_HOST" if machine.cli_source == "DOCKER_HOST" else "docker context use default"
        return f"{back}    # or start Docker at {machine.cli_host}"
    if "/.docker/desktop/" in machine.cli_host:
        return "systemctl --user start docker-desktop"
    if "/run/user/" in machine.cli_host:
        return "systemctl --user start docker"
    return "sudo service docker start" if machine.wsl() else "sudo systemctl start docker"


def restart_docker(machine: Machine) -> str:
    if machine.desktop():
        return "docker desktop restart"
    if machine.rootless():
        return "systemctl --user restart docker"
    return "sudo service docker restart" if machine.wsl() else "sudo systemctl restart docker"


def sysctl(name: str, value: int) -> str:
    """Set a kernel parameter now and for every boot."""
    return f"echo {name}={value} | sudo tee -a /etc/sysctl.d/99-gitops-lab.conf && sudo sysctl --system"


def wsl_setting(line: str) -> str:
    """Set an option of the virtual machine all WSL 2 distributions share, and start it again."""
    home = "$(cmd.exe /c 'echo %USERPROFILE%' 2>/dev/null | tr -d '\\r')"
    return f'printf \'[wsl2]\\n{line}\\n\' >> "$(wslpath "{home}")/.wslconfig" && wsl.exe --shutdown'
