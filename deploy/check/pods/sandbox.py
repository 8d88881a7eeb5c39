"""A container as a kubelet would start it, without an engine: a root of its own, read-only, a user without a capability, no new
privileges, and the limits of memory and processor as control groups. What is not here: the runtime's filter of system calls."""

import ctypes
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

LIBC = ctypes.CDLL(None, use_errno=True)
NEW_MOUNTS, NEW_IDS, NEW_IPC, NEW_NAME = 0x00020000, 0x20000000, 0x08000000, 0x04000000
READ_ONLY, REMOUNT, BIND, RECURSIVE, PRIVATE = 1, 32, 4096, 16384, 1 << 18
NO_SUID, NO_DEVICES = 2, 4
DIE_WITH_PARENT, DROP_FROM_BOUNDS, NO_NEW_PRIVILEGES = 1, 24, 38


def mount(source, target, kind=None, flags=0, options=None):
    words = [None if word is None else os.fsencode(word) for word in (source, target, kind, options)]
    if LIBC.mount(words[0], words[1], words[2], ctypes.c_ulong(flags), words[3]):
        raise OSError(ctypes.get_errno(), f"mount {source} on {target}")


def bind(source, target, read_only):
    mount(source, target, flags=BIND)
    if read_only:
        mount(None, target, flags=REMOUNT | BIND | READ_ONLY | NO_SUID | NO_DEVICES)


def libraries(files):
    """What the loader needs for these, and itself, by `ldd`."""
    found = set()
    for file in files:
        said = subprocess.run(["ldd", file], capture_output=True, text=True).stdout
        found |= {path for path in re.findall(r"(/\S+\.so[.0-9]*)", said) if not path.startswith(str(pathlib.Path(file).parent))}
    return found


def make_root(root, binary, models):
    """As distroless is made: the binary, the libraries that it and its models load, certificates, a user; no shell."""
    for folder in ("dev", "etc/ssl/certs", "models", "proc", "run/secrets/tagfleet", "store", "sys", "tmp", "usr/local/bin"):
        (root / folder).mkdir(parents=True)
    shutil.copy(binary, root / "usr/local/bin/tagfleet")
    for library in sorted(libraries([binary, *models.rglob("*.so")])):
        target = root / library.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, target)
    shutil.copy("/etc/ssl/certs/ca-certificates.crt", root / "etc/ssl/certs/")
    (root / "etc/passwd").write_text("nonroot:x:65532:65532::/:/\n")
    (root / "etc/nsswitch.conf").write_text("hosts: files\n")
    (root / "etc/hosts").write_text("127.0.0.1 localhost tagfleet-rabbitmq.tagfleet.svc tagfleet-redis\n")


class Container:
    """One process and what it starts, in all of the above. `mounts`: target, and either a folder or the bytes of an empty one."""

    def __init__(self, name, root, arguments, environment, mounts, limits, log, user=65532):
        self.name, self.root, self.arguments, self.environment = name, root, arguments, environment
        self.mounts, self.limits, self.log, self.user = mounts, limits, log, user
        self.ended = None

    def start(self):
        self.started = time.monotonic()
        told, tells = os.pipe()
        self.outer = os.fork()
        if self.outer == 0:
            self.run_outside(tells)
        os.close(tells)
        with os.fdopen(told) as pipe:
            self.pid = int(pipe.read() or 0)
        return self

    def run_outside(self, tells):
        try:
            LIBC.prctl(DIE_WITH_PARENT, signal.SIGKILL)
            self.limits.join()
            if LIBC.unshare(NEW_MOUNTS | NEW_IDS | NEW_IPC | NEW_NAME):
                raise OSError(ctypes.get_errno(), "unshare")
            inner = os.fork()
            if inner == 0:
                os.close(tells)
                self.run_inside()
            os.write(tells, str(inner).encode())
            os.close(tells)
            status = os.waitpid(inner, 0)[1]
            os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
        except BaseException as error:
            os.write(2, f"{self.name}: {error}\n".encode())
        finally:
            os._exit(99)

    def run_inside(self):
        try:
            LIBC.prctl(DIE_WITH_PARENT, signal.SIGKILL)
            log = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
            os.dup2(log, 1)
            os.dup2(log, 2)
            self.mount_all()
            self.give_up_rights()
            os.execve("/usr/local/bin/tagfleet", ["tagfleet", *self.arguments], self.environment)
        except BaseException as error:
            os.write(2, f"{self.name}: {error}\n".encode())
        finally:
            os._exit(99)

    def mount_all(self):
        root = str(self.root)
        mount("none", "/", flags=RECURSIVE | PRIVATE)
        mount(root, root, flags=BIND)
        mount("proc", f"{root}/proc", "proc")
        mount("/sys", f"{root}/sys", flags=BIND | RECURSIVE)
        mount("tmpfs", f"{root}/dev", "tmpfs", NO_SUID, "mode=755,size=64k")
        for node in ("null", "zero", "urandom", "random"):
            open(f"{root}/dev/{node}", "w").close()
            mount(f"/dev/{node}", f"{root}/dev/{node}", flags=BIND)
        for target, (what, read_only) in self.mounts.items():
            if isinstance(what, int):
                mount("tmpfs", f"{root}{target}", "tmpfs", NO_SUID | NO_DEVICES, f"mode=1777,size={what}")
            else:
                bind(str(what), f"{root}{target}", read_only)
        mount(None, root, flags=REMOUNT | BIND | READ_ONLY)
        os.chroot(root)
        os.chdir("/")

    def give_up_rights(self):
        for capability in range(64):
            LIBC.prctl(DROP_FROM_BOUNDS, capability, 0, 0, 0)
        os.setgroups([self.user])
        os.setgid(self.user)
        os.setuid(self.user)
        LIBC.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0)

    def status(self):
        """What the kernel says of its process."""
        lines = pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return {key: value.split() for key, _, value in (line.partition(":") for line in lines)}

    def runs(self):
        if self.ended is None:
            pid, status = os.waitpid(self.outer, os.WNOHANG)
            if pid:
                self.ended = os.waitstatus_to_exitcode(status)
        return self.ended is None

    def stop(self, grace_s):
        """Exit code and seconds; killed after its grace, as a kubelet does."""
        since = time.monotonic()
        if self.runs():
            os.kill(self.pid, signal.SIGTERM)
        while self.runs() and time.monotonic() - since < grace_s:
            time.sleep(0.02)
        if self.runs():
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.outer, 0)
            self.ended = -signal.SIGKILL
        return self.ended, time.monotonic() - since
