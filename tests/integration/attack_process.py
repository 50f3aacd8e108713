# SPDX-License-Identifier: Apache-2.0
"""Tries to look into another process of the same user: attack_process.py PID. Prints a line for each way: "WAY open" or
"WAY shut". None of them needs to be root."""
import ctypes
import errno
import os
import signal
import sys

PTRACE_ATTACH, PTRACE_DETACH, PTRACE_SEIZE = 16, 17, 0x4206
PIDFD_OPEN, PIDFD_GETFD = 434, 438
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


class Vector(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("size", ctypes.c_size_t)]


def attached(pid, request):
    if libc.ptrace(request, pid, None, None) < 0:
        return False
    if request == PTRACE_SEIZE:
        os.kill(pid, signal.SIGSTOP)
    os.waitpid(pid, 0x40000000)  # __WALL
    libc.ptrace(PTRACE_DETACH, pid, None, None)
    os.kill(pid, signal.SIGCONT)
    return True


def may_transfer(function, pid):
    """From or to an address where nothing is: EFAULT says that it was allowed to be tried."""
    buffer = ctypes.create_string_buffer(16)
    here, there = Vector(ctypes.addressof(buffer), 16), Vector(16, 16)
    ctypes.set_errno(0)
    return function(pid, ctypes.byref(here), 1, ctypes.byref(there), 1, 0) >= 0 or ctypes.get_errno() == errno.EFAULT


def opens(path, flags=os.O_RDONLY):
    try:
        os.close(os.open(path, flags))
        return True
    except OSError:
        return False


def take_descriptor(pid):
    pidfd = libc.syscall(PIDFD_OPEN, pid, 0)
    return pidfd >= 0 and libc.syscall(PIDFD_GETFD, pidfd, 0, 0) >= 0


def lists(path):
    try:
        return bool(os.listdir(path))
    except OSError:
        return False


def main(pid):
    ways = {
        "ptrace-attach": lambda: attached(pid, PTRACE_ATTACH),
        "ptrace-seize": lambda: attached(pid, PTRACE_SEIZE),
        "process_vm_readv": lambda: may_transfer(libc.process_vm_readv, pid),
        "process_vm_writev": lambda: may_transfer(libc.process_vm_writev, pid),
        "mem": lambda: opens(f"/proc/{pid}/mem", os.O_RDWR),
        "environ": lambda: opens(f"/proc/{pid}/environ"),
        "maps": lambda: opens(f"/proc/{pid}/maps"),
        "descriptors": lambda: lists(f"/proc/{pid}/fd"),
        "pidfd_getfd": lambda: take_descriptor(pid),
    }
    for name, way in ways.items():
        print(name, "open" if way() else "shut", flush=True)


main(int(sys.argv[1]))
