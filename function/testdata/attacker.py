# A handler that tries to get out. It is asked for one attack at a time, and
# answers with the name of the error that stopped it, or with "reached".
import ctypes
import errno
import os
import platform
import resource
import signal
import socket
import subprocess
import sys
import time

libc = ctypes.CDLL(None, use_errno=True)
X86 = platform.machine() == "x86_64"


def call(name, *args):
    result = getattr(libc, name)(*args)
    if result < 0:
        raise OSError(ctypes.get_errno(), name)
    return result


def syscall(x86, arm, *args):
    return call("syscall", ctypes.c_long(x86 if X86 else arm), *args)


def read(path):
    with open(path, "rb") as f:
        f.read(1)


def append(path):
    new = not os.path.exists(path)
    open(path, "a").close()
    if new:
        os.remove(path)


def kill(pid):
    os.kill(pid, 0)


def ptrace(pid):
    call("ptrace", 16, pid, None, None)  # PTRACE_ATTACH
    os.waitpid(pid, 0x40000000)
    call("ptrace", 17, pid, None, None)  # PTRACE_DETACH


def secrets(name):
    if name in os.environ:
        return "reached"
    return "absent"


def forks(limit):
    children = []
    try:
        for _ in range(limit):
            pid = os.fork()
            if pid == 0:
                signal.pause()
            children.append(pid)
    except OSError as e:
        if not 30 < len(children) <= 80:
            return "%s after %d" % (errno.errorcode[e.errno], len(children))
        raise
    finally:
        for pid in children:
            os.kill(pid, signal.SIGKILL)
        for pid in children:
            os.waitpid(pid, 0)


def memory(megabytes):
    return "reached" if len(b"x" * (megabytes << 20)) else ""


def fill(path, megabytes):
    name = path + "/belfry-fill"
    fd = os.open(name, os.O_CREAT | os.O_RDWR)
    try:
        os.posix_fallocate(fd, 0, megabytes << 20)
    finally:
        os.remove(name)
        os.close(fd)


def connect(host, port):
    socket.create_connection((host, port), 5).close()


def abstract(name):
    s = socket.socket(socket.AF_UNIX)
    s.connect("\0" + name)


def interfaces():
    return ",".join(sorted(name for _, name in socket.if_nameindex()))


def proxied(host, port):
    proxy = os.environ.get("HTTPS_PROXY")
    if not proxy:
        return "no proxy"
    s = socket.create_connection(proxy.split("//")[1].split(":"), 5)
    s.sendall(("CONNECT %s:%d HTTP/1.1\r\nHost: x\r\n\r\n" % (host, port)).encode())
    status = int(s.makefile().readline().split()[1])
    return "reached" if status == 200 else str(status)


def unshare():
    pid = os.fork()  # at no isolation the process itself would be changed
    if pid == 0:
        try:
            call("unshare", 0x10000000)  # CLONE_NEWUSER
            os._exit(0)
        except OSError as e:
            os._exit(e.errno)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code:
        raise OSError(code, "unshare")


def refused(name):
    """Says whether a system call is refused, whatever its arguments."""
    numbers = {"io_uring_setup": (425, 425), "keyctl": (250, 219), "userfaultfd": (323, 282), "bpf": (321, 280), "perf_event_open": (298, 241)}
    try:
        syscall(*numbers[name], 9999, None, 0, 0, 0)
    except OSError as e:
        if e.errno == errno.EPERM:
            raise
    return "reached"


def vsock():
    socket.socket(40, socket.SOCK_STREAM)


def mount(path):
    call("mount", b"none", path.encode(), b"tmpfs", 0, None)
    call("umount2", path.encode(), 2)


def open_write(path):
    os.close(os.open(path, os.O_WRONLY))


def devices():
    return " ".join(sorted(os.listdir("/dev")))


def setuid():
    try:
        os.setuid(0)
    except OSError as e:
        return errno.errorcode[e.errno]
    return "reached"


def processes():
    return "1 and mine" if all(int(p) < 50 for p in os.listdir("/proc") if p.isdigit()) else "reached"


def daemon(name):
    # The end of this pipe says that the daemon is what it shall be: what is not
    # when the invocation ends may be frozen on its way.
    up, started = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setsid()
        if os.fork() == 0:
            null = os.open("/dev/null", os.O_RDWR)
            for fd in range(3):
                os.dup2(null, fd)
            os.execv("/bin/sh", ["sh", "-c", "while :; do :; done", name])
        os._exit(0)
    os.waitpid(pid, 0)
    os.close(started)
    os.read(up, 1)
    os.close(up)
    return "started"


def spin():
    while True:
        pass


def respond(size):
    return "x" * size


def handler(event, context):
    try:
        return globals()[event["attack"]](*event.get("args", [])) or "reached"
    except OSError as e:
        return errno.errorcode.get(e.errno, str(e))
    except MemoryError:
        return "MemoryError"
