"""A RabbitMQ node for the tools in this folder."""

import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

SERVER = "/usr/lib/rabbitmq/bin/rabbitmq-server"  # of Debian's rabbitmq-server; the program on the PATH changes the user


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Broker:
    """A node with a home, data and logs of its own, on free ports of this machine. Ends with kill -9, as in a power failure."""

    def __init__(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.port, self.process, self.seconds = folder, free_port(), None, 0.0
        (folder / "plugins").write_text("[].\n")
        (folder / "rabbitmq.conf").write_text(f"listeners.tcp.1 = 127.0.0.1:{self.port}\ndisk_free_limit.absolute = 50MB\n")
        mapper_port = str(free_port())
        self.environment = dict(
            os.environ, HOME=str(folder), RABBITMQ_MNESIA_BASE=str(folder / "data"), RABBITMQ_LOG_BASE=str(folder / "log"),
            RABBITMQ_NODENAME=f"sjd{self.port}@localhost", RABBITMQ_DIST_PORT=str(free_port()),
            RABBITMQ_CONFIG_FILE=str(folder / "rabbitmq.conf"), RABBITMQ_CONF_ENV_FILE=str(folder / "none"),
            RABBITMQ_ENABLED_PLUGINS_FILE=str(folder / "plugins"), RABBITMQ_PID_FILE=str(folder / "pid"),
            ERL_EPMD_PORT=mapper_port, ERL_EPMD_ADDRESS="127.0.0.1",
            RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}")
        self.mapper = subprocess.Popen(["epmd", "-port", mapper_port, "-address", "127.0.0.1"], stdin=subprocess.DEVNULL)
        self.start()

    def start(self):
        with open(self.folder / "output.log", "a") as log:
            self.process = subprocess.Popen(
                [SERVER], env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        for _ in range(240):
            time.sleep(0.5)
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
        sys.exit(f"RabbitMQ did not start; see {self.folder}/output.log.")

    def processor_seconds(self):
        """Of all runs, user and system."""
        ticks = 0
        for entry in pathlib.Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                except OSError:
                    continue
                if int(fields[2]) == self.process.pid:  # the process group
                    ticks += int(fields[11]) + int(fields[12])
        return self.seconds + ticks / os.sysconf("SC_CLK_TCK")

    def bytes_stored(self):
        return sum(file.stat().st_size for file in (self.folder / "data").rglob("*") if file.is_file())

    def kill(self):
        self.seconds = self.processor_seconds()
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def end(self):
        self.kill()
        self.mapper.kill()
        self.mapper.wait()
