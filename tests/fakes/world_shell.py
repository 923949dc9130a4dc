"""The programs of a world: kind, docker and git."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.argocd.release import load_all
from lab.errors import LabError
from lab.ports import Command, CommandResult, Sink
from lab.providers.kind import KIND_LABEL
from lab.shell import SystemShell
from tests.fakes import git
from tests.fakes.cluster import Node
from tests.fakes.docker import Container
from tests.fakes.world_git import GitProgram

if TYPE_CHECKING:
    from tests.fakes.world import World

NO_DAEMON = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"
GIT_READS = ("rev-parse", "status", "log", "stash", "diff", "merge-base", "--get")


class WorldShell(SystemShell):
    """kind and docker act on the world; git does, too, by itself or by the real git on the world's volumes."""

    def __init__(self, world: "World", sink: Sink) -> None:
        super().__init__(sink)
        self.world = world

    def which(self, program: str) -> Path | None:
        return self.world.tools / program

    def _execute(self, path: Path, command: Command) -> tuple[CommandResult, bool]:
        self.world.look()
        self.world.commands.append(command)
        program = command.argv[0]
        if program == "git":
            return self._git(path, command), False
        if self.world.docker.down:
            return _failed(NO_DAEMON), False
        try:
            return {"kind": self._kind, "docker": self._docker}[program](command), False
        except LabError as error:
            return _failed(error.details or error.what), False

    # --- git -----------------------------------------------------------------------------------------------------

    def _git(self, path: Path, command: Command) -> CommandResult:
        servers = {
            program.url: program.path("x").parent.parent
            for program in (c.inside for c in list(self.world.docker.all.values()))
            if isinstance(program, GitProgram) and program.answers
        }

        def do() -> CommandResult:
            if not self.world.real_git:
                assert command.cwd
                return git.run(command.argv, command.cwd, servers)
            env = [("GIT_CONFIG_COUNT", str(len(servers)))]
            for number, (address, folder) in enumerate(servers.items()):
                env += [(f"GIT_CONFIG_KEY_{number}", f"url.file://{folder}/.insteadOf")]
                env += [(f"GIT_CONFIG_VALUE_{number}", f"{address}/")]
            env += [("HOME", str(self.world.home)), ("PATH", str(self.world.tools)), *command.env]
            started = Command(argv=command.argv, timeout=20, cwd=command.cwd, env=tuple(env))
            return super(WorldShell, self)._execute(path, started)[0]

        words = [word for word in command.argv[1:] if not word.startswith("-") and "=" not in word]
        if set(command.argv) & set(GIT_READS):
            return do()
        half = None
        if words[0] == "clone":
            part = Path(command.argv[-1])
            half = lambda: (part / ".git" / "objects").mkdir(parents=True)  # noqa: E731
        result: CommandResult = self.world.effect(f"git {words[0]}", do, half=half)
        return result

    # --- docker --------------------------------------------------------------------------------------------------

    def _docker(self, command: Command) -> CommandResult:
        docker = self.world.docker
        argv = command.argv
        if argv[1] == "save":
            path, wanted = Path(argv[argv.index("-o") + 1]), argv[argv.index("--") + 1 :]
            missing = [image for image in wanted if image not in docker.images]
            if missing:
                return _failed(f"Error response from daemon: reference does not exist: {missing[0]}")
            text = "\n".join(wanted)
            self.world.effect("docker save", lambda: path.write_text(text), half=lambda: path.write_text(text[:5]))
            return _done()
        assert argv[1:3] == ("exec", "-i"), argv
        assert isinstance(command.stdin, Path)
        images = command.stdin.read_text().splitlines()
        container = docker.all[argv[3]]
        if not container.running:
            return _failed(f"Error response from daemon: container {container.id} is not running")
        self.world.effect(
            f"docker import {container.name}",
            lambda: container.images.update(images),
            half=lambda: container.images.update(images[:1]),
        )
        return _done()

    # --- kind ----------------------------------------------------------------------------------------------------

    def _kind(self, command: Command) -> CommandResult:
        argv = command.argv
        name = argv[argv.index("--name") + 1]
        verb = argv[1:3]
        mine = [c for c in self.world.docker.all.values() if c.labels.get(KIND_LABEL) == name]
        if verb == ("delete", "cluster"):
            if mine:
                self.world.effect(f"kind delete {name}", lambda: [self.world.docker.destroy(c.name) for c in mine])
            return _done(f'Deleting cluster "{name}" ...\n')
        if verb == ("get", "kubeconfig"):
            node = mine[0].inside if mine else None
            if node is None or not node.container.running or node.kube is None:
                return _failed(f"ERROR: could not locate any control plane nodes for cluster named '{name}'")
            return _done(node.kubeconfig())
        assert verb == ("create", "cluster"), argv
        if mine:
            text = f'node(s) already exist for a cluster with the name "{name}"'
            return _failed(f"ERROR: failed to create cluster: {text}")
        return self._create(command, name)

    def _create(self, command: Command, name: str) -> CommandResult:
        argv = command.argv
        config = _yaml(Path(argv[argv.index("--config") + 1]))
        target = Path(argv[argv.index("--kubeconfig") + 1])
        lock = target.with_name(f"{target.name}.lock")
        network = dict(command.env).get("KIND_EXPERIMENTAL_DOCKER_NETWORK", "kind")
        docker, node = self.world.docker, config["nodes"][0]
        ports = {6443: config["networking"]["apiServerPort"]}
        ports |= {mapping["containerPort"]: mapping["hostPort"] for mapping in node["extraPortMappings"]}

        def run() -> Node:
            docker.nets.setdefault(network, {})
            container = Container(
                name=f"{name}-control-plane",
                image=argv[argv.index("--image") + 1],
                id=docker.new_id(),
                labels={KIND_LABEL: name},
                mounts={mount["containerPath"]: mount["hostPath"] for mount in node["extraMounts"]},
                ports=ports,
                networks={network: [f"{name}-control-plane"]},
            )
            container.inside = Node(self.world, container)
            docker.boot(docker.made(container))
            made: Node = container.inside
            return made

        def whole() -> None:
            if lock.exists():
                raise LabError(
                    "docker-failed", problem="x", details=f"failed to lock config file: open {lock}: file exists"
                )
            try:
                made = run()
            except LabError:
                # kind takes back what it made of this cluster.
                for container in [c for c in docker.all.values() if c.labels.get(KIND_LABEL) == name]:
                    docker.destroy(container.name)
                raise
            made.init()
            target.write_text(made.kubeconfig())

        def late() -> None:
            # The cluster runs; kind was about to write the kubeconfig.
            run().init()
            lock.touch()

        self.world.effect(f"kind create {name}", whole, half=run, late=late)
        return _done()


def _yaml(path: Path) -> Any:
    return load_all(path.read_text(encoding="utf-8"))[0]


def _done(stdout: str = "") -> CommandResult:
    return CommandResult(exit_code=0, stdout=stdout, stderr="")


def _failed(stderr: str) -> CommandResult:
    return CommandResult(exit_code=1, stdout="", stderr=f"{stderr}\n")
