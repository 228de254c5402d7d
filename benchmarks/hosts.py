"""Machines that can be cut off and killed: namespaces of this one. Linux, root.

Each host has its own network, processes, /tmp and /dev/shm; every other folder is shared. Ray is
started in them with the settings of docs/clusters.md.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import crash

ROOT = Path(__file__).resolve().parents[1]
RAY = Path(sys.executable).with_name("ray")
PORT = 6379
SHARED = "/var/tmp"  # /tmp is each host's own
INIT = "mount --make-rprivate /; mount -t tmpfs tmpfs /tmp; mount -t tmpfs tmpfs /dev/shm; \
ip link set lo up; exec sleep infinity"
COMMON = ("--block", "--disable-usage-stats", "--num-cpus=1", "--object-store-memory=100000000")


def settings() -> dict[str, str]:
    """The variables that docs/clusters.md exports."""
    lines = (ROOT / "docs" / "clusters.md").read_text().splitlines()
    words = [word for line in lines if line.startswith("export ") for word in line.split()[1:]]
    return dict(word.split("=", 1) for word in words)


def bridge(net: int) -> str:
    """The name of the bridge that joins the hosts of a network; there may be several networks."""
    return f"ev{net}br"


def address(net: int, number: int) -> str:
    """The address of a host; that of the bridge is number 0."""
    return f"10.78.{net}.{10 + number}"


def _new_bridge() -> int:
    """Makes the bridge of the first network that nobody has; returns its number."""
    net = 1
    while not _added(bridge(net)):
        net += 1
    shell(f"ip addr add {address(net, 0)}/24 dev {bridge(net)} && ip link set {bridge(net)} up")
    return net


def _added(name: str) -> bool:
    """Whether the bridge could be added: nobody has one of this name."""
    add = ["ip", "link", "add", name, "type", "bridge"]
    return subprocess.run(add, stderr=subprocess.DEVNULL, check=False).returncode == 0


def shell(line: str) -> None:
    subprocess.run(line, shell=True, check=True)


def until(condition: Callable[[], Any], seconds: float) -> float | None:
    """Waits for the condition; returns the seconds that it took, None if it did not come."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds:
            return None
        time.sleep(0.1)
    return time.monotonic() - began


class Host:
    """A machine of the cluster."""

    def __init__(self, net: int, number: int, folder: Path, environment: dict[str, str]) -> None:
        self.name = f"ev{net}h{number}"
        self.address = address(net, number)
        self.environment = environment
        self.log = folder / f"{self.name}.log"
        inside = f"ip -n {self.name}"
        shell(
            f"ip netns add {self.name} && ip link add v{self.name} type veth peer name eth0"
            f" netns {self.name} && ip link set v{self.name} master {bridge(net)} up"
            f" && {inside} addr add {self.address}/24 dev eth0 && {inside} link set eth0 up"
            f" && {inside} route add default via {address(net, 0)}"
        )
        unshare = ["unshare", "-m", "-u", "-p", "-i", "--fork", "--mount-proc", "bash", "-c", INIT]
        self.process = subprocess.Popen(["nsenter", f"--net=/run/netns/{self.name}", *unshare])
        while not (below := crash.descendants(self.process.pid)):
            time.sleep(0.1)
        self.first = below[0][0]
        time.sleep(1.0)  # its mounts
        self.start("hostname", self.name).wait()

    def processes(self) -> list[int]:
        """Everything that runs on it."""
        found = []
        own = os.readlink(f"/proc/{self.first}/ns/pid")
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if os.readlink(entry / "ns" / "pid") == own:
                    found.append(int(entry.name))
        return found

    def names(self) -> list[str]:
        """What runs on it, by the names of the programs."""
        names = []
        for pid in self.processes():
            with contextlib.suppress(OSError):
                names.append(Path(f"/proc/{pid}/comm").read_text().strip())
        return names

    def training(self, results: Path) -> str | None:
        """The trial that a worker here trains."""
        return crash.training(self.processes(), results)

    def start(
        self, *command: Any, log: Path | None = None, **variables: str
    ) -> subprocess.Popen[bytes]:
        """Starts a command there, its output at the end of ``log``."""
        enter = ["nsenter", "-t", str(self.first), "-m", "-u", "-i", "-n", "-p", f"-w{ROOT}", "--"]
        with open(log or self.log, "ab") as output:
            return subprocess.Popen(
                [*enter, *map(str, command)],
                env=self.environment | variables,
                stdout=output,
                stderr=output,
            )

    def ray(self, *options: str) -> None:
        """Starts Ray there and waits until it runs."""
        self.log.unlink(missing_ok=True)
        own = self.log.with_suffix("")  # on the disk that stays, for its logs
        self.start(RAY, "start", *COMMON, f"--temp-dir={own}", *options)
        if until(lambda: "Ray runtime started" in self.log.read_text(), 120) is None:
            raise RuntimeError(f"Ray did not start on {self.name}: {self.log.read_text()}")

    def cut(self) -> None:
        """Takes its network away."""
        shell(f"ip link set v{self.name} down")

    def join(self) -> None:
        """Gives its network back."""
        shell(f"ip link set v{self.name} up")

    def kill(self) -> None:
        """Ends it without a word to anybody, as a power failure would."""
        with contextlib.suppress(subprocess.CalledProcessError):
            self.cut()
        crash.kill(self.first)
        self.process.wait()
        shell(f"ip netns del {self.name}")
        time.sleep(0.5)
        gone = ["ip", "link", "del", f"v{self.name}"]  # it may have gone with its host
        subprocess.run(gone, stderr=subprocess.DEVNULL, check=False)


class Cluster:
    """Hosts, and the command that runs a study on one of them."""

    def __init__(self, config: str, study: str, *, pause: float) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="events-", dir=SHARED))
        self.results = self.folder / "results" / "crash"
        self.output = self.folder / "output.txt"
        self.output.touch()
        self.space = crash.write_study(self.folder, study, config)
        self.environment = {
            **os.environ,
            **settings(),
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            "RAY_worker_niceness": "0",
            "PYTHONPATH": f"{crash.HOOKS}:{ROOT}",
            "PYTHONUNBUFFERED": "1",
            "PATH": f"{RAY.parent}:{os.environ['PATH']}",  # symmetric-run calls `ray`
            "CRASH_HOME": str(self.folder),
            "CRASH_AT": "",
            "CRASH_PAUSE": str(pause),
        }
        self.hosts: dict[int, Host] = {}
        self.net = _new_bridge()

    def host(self, number: int) -> Host:
        """Adds a machine without Ray."""
        self.hosts[number] = Host(self.net, number, self.folder, self.environment)
        return self.hosts[number]

    def head(self, number: int = 1) -> Host:
        host = self.host(number)
        host.ray("--head", f"--port={PORT}", "--include-dashboard=false")
        return host

    def joined(self, number: int) -> Host:
        host = self.host(number)
        host.ray(f"--address={self.address}")
        return host

    @property
    def address(self) -> str:
        return f"{address(self.net, 1)}:{PORT}"

    def run(self) -> tuple[Any, ...]:
        """The command line of the study on this cluster."""
        options = ("--space", self.space, "--results", self.folder / "results")
        return (sys.executable, ROOT / "run_study.py", *options, "--address", self.address)

    def command(self, host: Host, **variables: str) -> subprocess.Popen[bytes]:
        return host.start(*self.run(), log=self.output, **variables)

    def trains(self, host: Host, epochs: int) -> bool:
        """Whether a worker of this host trains a trial of which so many epochs are on disk."""
        identity = host.training(self.results)
        found = crash.histories(self.results)
        return identity is not None and len(found.get(identity, ())) >= epochs

    def end(self) -> None:
        for host in self.hosts.values():
            with contextlib.suppress(subprocess.CalledProcessError):
                host.kill()
        shell(f"ip link del {bridge(self.net)}")
