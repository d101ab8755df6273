#!/usr/bin/env python3
"""A private RabbitMQ: own node, ports, data and Erlang port mapper, on loopback only, gone when its owner is.

As a program it runs one until Ctrl-C and prints its URL:

    scripts/rabbitmq.py [--plugin rabbitmq_management]…
"""

import argparse
import atexit
import ctypes
import itertools
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# Debian's /usr/sbin/rabbitmq-server switches to the user rabbitmq; these are the scripts behind it.
RABBITMQ_BIN = Path("/usr/lib/rabbitmq/bin")
ERL_CALL = Path("/usr/lib/erlang/bin/erl_call")

LOOPBACK = "127.0.0.1"
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


# In one piece, so that nobody sees the half of it.
_RESET = """
    Who = <<"reset">>, Everything = <<".*">>,
    vm_memory_monitor:set_vm_memory_high_watermark(0.4),
    ok = rabbit_vhost:delete(<<"/">>, Who),
    rabbit_vhost:add(<<"/">>, Who),
    Users = [proplists:get_value(user, User) || User <- rabbit_auth_backend_internal:list_users()],
    [ok = rabbit_auth_backend_internal:delete_user(User, Who) || User <- Users, User =/= <<"guest">>],
    rabbit_auth_backend_internal:set_permissions(<<"guest">>, <<"/">>, Everything, Everything, Everything, Who).
"""


def _binary(text):
    """As Erlang reads it."""
    return "<<{}>>".format('"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"')


def _call(function, *texts):
    return f"ok = {function}({', '.join(map(_binary, [*texts, 'rabbitmq.py']))})"


_calls = itertools.count()

# Idle schedulers wait a little before they sleep. With RabbitMQ's own `none` it loads its modules in 8 s instead of 4.
_NEARLY_AT_ONCE = "+sbwt very_short +sbwtdcpu very_short +sbwtdio very_short"

# Commands of `rabbitmqctl` by what they have the broker evaluate.
_EXPRESSIONS = {
    "eval": lambda expressions: expressions,
    "set_vm_memory_high_watermark": lambda limit: f"vm_memory_monitor:set_vm_memory_high_watermark({limit})",
    "add_user": lambda user, password: _call("rabbit_auth_backend_internal:add_user", user, password),
    "set_permissions": lambda user, *patterns: _call("rabbit_auth_backend_internal:set_permissions", user, "/", *patterns),
    "close_all_connections": lambda reason: (
        f"[catch rabbit_networking:close_connection(Pid, {_binary(reason)}) || Pid <- rabbit_networking:connections()]"
    ),
}


class BrokerError(Exception):
    """The broker did not start, or a command against it failed."""


# Names that this process holds for its ports, until it ends.
_reservations = []


def free_ports(count):
    """`count` different TCP ports that a program which does not set SO_REUSEADDR can listen on.

    They are below those that the kernel gives to connections: none of these takes one before the broker does. And no
    other process that asks here gets one, as long as this process lives, listening or not.
    """
    first_ephemeral = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    ports = []
    for port in random.sample(range(10_000, max(first_ephemeral, 20_000)), k=2_000):
        if not _reserve(port):
            continue
        # Without SO_REUSEADDR: epmd and Erlang are refused where an old connection is in TIME_WAIT.
        with socket.socket() as candidate:
            try:
                candidate.bind((LOOPBACK, port))
            except OSError:
                continue
        ports.append(port)
        if len(ports) == count:
            return ports
    raise BrokerError("there are no free TCP ports")


def _reserve(port):
    """Whether nobody has it reserved: a name in the kernel's abstract namespace, which goes with its process."""
    name = socket.socket(socket.AF_UNIX)
    try:
        name.bind(f"\0socketio-gateway port {port}")
    except OSError:
        name.close()
        return False
    _reservations.append(name)
    return True


def stop_process(pid, patience=30):
    """Stops a process; returns when none of its threads runs any more, which is a moment after the signal."""
    os.kill(pid, signal.SIGSTOP)
    deadline = time.monotonic() + patience
    while not all(state in "TtZX" for state in thread_states(pid)):
        if time.monotonic() > deadline:
            raise TimeoutError(f"process {pid} does not stop")
        time.sleep(0.001)


def thread_states(pid):
    """What each thread of a process is at, by the letter of proc(5)."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        try:
            yield (thread / "stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            pass  # it has just ended


def die_with_parent():
    """For `preexec_fn`: the kernel kills this process when its parent dies, however it dies."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class PrivateRabbitMQ:
    """`start` and `stop`, or a `with` statement. Restarts keep the ports and the data; `stop` removes everything."""

    def __init__(self, plugins=(), settings=(), beside=None, starts_fast=True):
        """`settings` are further lines of rabbitmq.conf, such as `"max_message_size = 65536"`. `beside` is another node, which
        this one makes a cluster with: it must run when this one is started for the first time, and be stopped after it.
        `starts_fast` is for tests and the demo; benches measure RabbitMQ as it comes."""
        self.plugins, self._settings = list(plugins), list(settings)
        self._starts_fast = starts_fast
        self._beside = beside
        self.port, self._dist_port, self._epmd_port, management_port = free_ports(4)
        if beside is not None:
            self._epmd_port = beside._epmd_port
            self._settings += [
                "cluster_formation.peer_discovery_backend = classic_config",
                f"cluster_formation.classic_config.nodes.1 = {beside._node}",
            ]
        self.management_port = management_port if "rabbitmq_management" in self.plugins else None
        self._node = f"gateway-{os.getpid()}-{self.port}@localhost"
        self._dir = None
        self._epmd = None
        self._beam = None

    @property
    def url(self):
        return f"amqp://guest:guest@{LOOPBACK}:{self.port}/%2F"

    @property
    def pid(self):
        return self._beam.pid if self.is_running() else None

    def is_running(self):
        return self._beam is not None and self._beam.poll() is None

    def start(self, timeout=60):
        """Returns when the broker speaks AMQP."""
        if self.is_running():
            return
        if not RABBITMQ_BIN.exists():
            raise BrokerError("rabbitmq-server is not installed: run scripts/setup.sh run")
        if self._dir is None:
            self._dir = Path(tempfile.mkdtemp(prefix="rabbitmq-"))
            atexit.register(self.stop)
            self._write_configuration()
        deadline = time.monotonic() + timeout
        if self._epmd is None and self._beside is None:
            self._epmd = self._spawn("epmd", "-port", str(self._epmd_port), "-address", LOOPBACK)
            self._wait(self._epmd, deadline, lambda: self._answers(self._epmd_port))
        self._beam = self._spawn(RABBITMQ_BIN / "rabbitmq-server")
        self._wait(self._beam, deadline, self._speaks_amqp)

    def stop(self):
        """Ends the broker and removes its data. Doing it twice is harmless."""
        self._end_beam(signal.SIGTERM)
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd.wait()
            self._epmd = None
        if self._dir is not None:
            shutil.rmtree(self._dir, ignore_errors=True)
            self._dir = None
            atexit.unregister(self.stop)

    def shutdown(self):
        """Ends the broker in order, keeping ports and data for the next `start`."""
        self._end_beam(signal.SIGTERM)

    def kill(self):
        """Ends the broker as a crash would, keeping ports and data for the next `start`."""
        self._end_beam(signal.SIGKILL)

    def restart(self, timeout=60):
        self.shutdown()
        self.start(timeout)

    def reset(self):
        """Empties it: no exchanges, queues and users but those it was born with, and no alarm. A fifth of what a start takes."""
        self.evaluate(_RESET)

    def pause(self):
        """From its return on the broker's kernel accepts connections and bytes, and the broker says nothing."""
        stop_process(self._beam.pid)

    def resume(self):
        os.kill(self._beam.pid, signal.SIGCONT)

    def ctl(self, *args, timeout=60):
        """What `rabbitmqctl` does with these words; what it printed. What is wanted often, and without options, goes without it."""
        command, *words = args
        if command in _EXPRESSIONS and not any(word.startswith("-") for word in words):
            return self.evaluate(_EXPRESSIONS[command](*words), timeout)
        line = [RABBITMQ_BIN / "rabbitmqctl", "--quiet", "--node", self._node, *args]
        result = self._run(line, timeout)
        if result.returncode != 0:
            raise BrokerError(f"rabbitmqctl {' '.join(args)}: {result.stderr.strip() or result.stdout.strip()}")
        return result.stdout

    def evaluate(self, expressions, timeout=60):
        """Has the broker evaluate Erlang expressions; the value of the last one, as Erlang writes it. It takes a hundredth of what
        `rabbitmqctl` takes, for which a machine of its own has to start."""
        cookie = (self._dir / ".erlang.cookie").read_text()
        # A name of its own: the broker may not have noticed yet that the last one has gone.
        name = f"c{os.getpid()}-{next(_calls)}"
        line = [ERL_CALL, "-h", name, "-sname", self._node, "-c", cookie, "-timeout", str(timeout), "-e"]
        result = self._run(line, timeout + 5, input=expressions.rstrip().rstrip(".") + ".\n")
        value = re.fullmatch(r"\{ok, (.*)\}", result.stdout.strip(), re.DOTALL)
        if result.returncode != 0 or value is None:
            raise BrokerError(f"{expressions}: {result.stderr.strip() or result.stdout.strip()}")
        return value[1]

    def _run(self, line, timeout, **options):
        options = options or {"stdin": subprocess.DEVNULL}
        return subprocess.run(line, env=self._environment(), capture_output=True, text=True, timeout=timeout, **options)

    def log_tail(self, lines=20):
        """The end of what the broker wrote."""
        log = self._dir and self._dir / "log"
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log and log.exists() else ""

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def _write_configuration(self):
        settings = [f"listeners.tcp.1 = {LOOPBACK}:{self.port}", "disk_free_limit.absolute = 1MB"]
        if self.management_port:
            settings += [f"management.tcp.ip = {LOOPBACK}", f"management.tcp.port = {self.management_port}"]
        (self._dir / "rabbitmq.conf").write_text("\n".join(settings + self._settings) + "\n")
        (self._dir / "enabled_plugins").write_text(f"[{','.join(self.plugins)}].\n")
        (self._dir / "rabbitmq-env.conf").touch()
        if self._beside is not None:
            # By the cookie the nodes of a cluster know each other.
            shutil.copy(self._beside._dir / ".erlang.cookie", self._dir / ".erlang.cookie")

    def _environment(self):
        loopback_distribution = "-kernel inet_dist_use_interface {127,0,0,1}"
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("RABBITMQ_", "ERL_"))}
        environment.pop("NOTIFY_SOCKET", None)
        environment.update(
            HOME=str(self._dir),  # holds .erlang.cookie
            ERL_EPMD_PORT=str(self._epmd_port),
            ERL_EPMD_ADDRESS=LOOPBACK,
            ERL_AFLAGS="-start_epmd false",  # ours runs; one that Erlang starts would be a daemon and stay
            RABBITMQ_NODENAME=self._node,
            RABBITMQ_DIST_PORT=str(self._dist_port),
            RABBITMQ_CONF_ENV_FILE=str(self._dir / "rabbitmq-env.conf"),
            RABBITMQ_CONFIG_FILE=str(self._dir / "rabbitmq.conf"),
            RABBITMQ_ENABLED_PLUGINS_FILE=str(self._dir / "enabled_plugins"),
            RABBITMQ_MNESIA_BASE=str(self._dir / "data"),
            RABBITMQ_LOG_BASE=str(self._dir),
            RABBITMQ_LOGS="-",
            RABBITMQ_ALLOW_INPUT="1",  # the script becomes the Erlang machine instead of staying around as its parent
            RABBITMQ_SERVER_START_ARGS="-noinput +B i",
            RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=f"{_NEARLY_AT_ONCE if self._starts_fast else ''} {loopback_distribution}",
            RABBITMQ_CTL_ERL_ARGS=loopback_distribution,
        )
        return environment

    def _spawn(self, *command):
        # A session of its own: Ctrl-C in the terminal reaches the owner, which ends things in order.
        with open(self._dir / "log", "ab") as log:
            return subprocess.Popen(
                command,
                env=self._environment(),
                cwd=self._dir,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )

    def _wait(self, process, deadline, is_ready):
        while not is_ready():
            if process.poll() is not None:
                raise BrokerError(f"RabbitMQ ended while starting (status {process.returncode}):\n{self.log_tail()}")
            if time.monotonic() > deadline:
                raise BrokerError(f"RabbitMQ did not start in time:\n{self.log_tail()}")
            time.sleep(0.05)

    def _end_beam(self, how):
        if self._beam is None:
            return
        if self._beam.poll() is None:
            os.kill(self._beam.pid, how)
            os.kill(self._beam.pid, signal.SIGCONT)  # in case it is paused
            try:
                self._beam.wait(timeout=15)
            except subprocess.TimeoutExpired:
                self._beam.kill()
                self._beam.wait()
        self._beam = None

    @staticmethod
    def _answers(port):
        try:
            socket.create_connection((LOOPBACK, port), timeout=1).close()
            return True
        except OSError:
            return False

    def _speaks_amqp(self):
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=1) as s:
                s.sendall(b"AMQP\x00\x00\x09\x01")
                return s.recv(1) == b"\x01"  # a method frame: connection.start
        except OSError:
            return False


def main():
    parser = argparse.ArgumentParser(description="Run a private RabbitMQ until Ctrl-C.")
    parser.add_argument("--plugin", action="append", default=[], help="plugin to enable (repeatable)")
    broker = PrivateRabbitMQ(plugins=parser.parse_args().plugin)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with broker:
            print(broker.url, flush=True)
            if broker.management_port:
                print(f"http://{LOOPBACK}:{broker.management_port}/ (guest, guest)", flush=True)
            broker._beam.wait()
            sys.exit("RabbitMQ ended by itself")
    except KeyboardInterrupt:
        pass
    except BrokerError as error:
        sys.exit(f"rabbitmq.py: {error}")


if __name__ == "__main__":
    main()
