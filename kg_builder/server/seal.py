"""Take from a process what it no longer needs: memory without bound, the network, other programs, files.

The kernel holds the seal (seccomp), so that it does not matter what code in the process tries. On Linux, x86-64 and
AArch64; elsewhere only the limits hold, and the guard of queries is what stands before the network.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import signal
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _MODE_FILTER = 1, 38, 22, 2
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _DENY = 0x7FFF0000, 0x00050000 | 13  # EACCES
#: Numbers of system calls begin here that x86-64 has for another ABI.
_OTHER_ABI = 0x40000000
_STACK_BYTES = 64 * 1024 * 1024

#: name → number on (x86-64, AArch64); -1 where the machine has no such call.
_CALLS = {
    "read": (0, 63), "write": (1, 64), "close": (3, 57), "fstat": (5, 80), "lseek": (8, 62), "mmap": (9, 222),
    "mprotect": (10, 226), "munmap": (11, 215), "brk": (12, 214), "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139), "pread64": (17, 67), "readv": (19, 65), "writev": (20, 66),
    "sched_yield": (24, 124), "mremap": (25, 216), "madvise": (28, 233), "pause": (34, -1), "nanosleep": (35, 101),
    "setitimer": (38, 103), "getpid": (39, 172), "sendto": (44, 206), "recvfrom": (45, 207), "sendmsg": (46, 211),
    "recvmsg": (47, 212), "exit": (60, 93), "gettimeofday": (96, 169), "getrusage": (98, 165),
    "sigaltstack": (131, 132), "gettid": (186, 178), "time": (201, -1), "futex": (202, 98), "clock_gettime": (228, 113),
    "clock_nanosleep": (230, 115), "exit_group": (231, 94), "tgkill": (234, 131),
    "getrandom": (318, 278), "rseq": (334, 293), "restart_syscall": (219, 128),
    # what else a process may do that reads files on its own behalf
    "socket": (41, 198), "connect": (42, 203), "accept": (43, 202), "bind": (49, 200), "listen": (50, 201),
    "socketpair": (53, 199), "accept4": (288, 242), "clone": (56, 220), "fork": (57, -1), "vfork": (58, -1),
    "execve": (59, 221), "clone3": (435, 435), "execveat": (322, 281), "ptrace": (101, 117), "creat": (85, -1),
    "rename": (82, -1), "renameat": (264, 38), "renameat2": (316, 276), "unlink": (87, -1), "unlinkat": (263, 35),
    "mkdir": (83, -1), "mkdirat": (258, 34), "link": (86, -1), "linkat": (265, 37), "symlink": (88, -1),
    "symlinkat": (266, 36), "truncate": (76, 45), "ftruncate": (77, 46), "chmod": (90, -1), "fchmodat": (268, 53),
    "mount": (165, 40), "io_uring_setup": (425, 425), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "kill": (62, 129), "tkill": (200, 130), "pidfd_open": (434, 434), "pidfd_getfd": (438, 438), "bpf": (321, 280),
}  # fmt: skip
#: From here on in _CALLS stand the calls that answering a case never needs; a query needs only those before.
_FIRST_DENIED = "socket"


def limit_process(memory_mb: int) -> None:
    """Bound the memory this process may take from now on, MiB; give it room for recursion; leave no core file."""
    if taken := address_space():
        most = taken + memory_mb * 1024 * 1024
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    hard = resource.getrlimit(resource.RLIMIT_STACK)[1]
    stack = _STACK_BYTES if hard == resource.RLIM_INFINITY else min(_STACK_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_STACK, (stack, hard))


def address_space() -> int:
    """Return the address space of this process, bytes; 0 where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_bytes().split()[0])
    except OSError:
        return 0
    return pages * resource.getpagesize()


def end_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent ends, however it ends (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)


def seal_process(*, files: bool) -> bool:
    """Take the network and other programs from this process for good.

    Args:
        files: whether it may still open files for reading; without, it can only compute and talk over what is open.
    Returns:
        Whether the kernel did so; False where it cannot.
    """
    column = {"x86_64": 0, "aarch64": 1}.get(platform.machine())
    if sys.platform != "linux" or column is None or sys.byteorder != "little":
        return False
    names = list(_CALLS)
    first_denied = names.index(_FIRST_DENIED)
    chosen = names[first_denied:] if files else names[:first_denied]
    numbers = [_CALLS[name][column] for name in chosen if _CALLS[name][column] >= 0]
    architecture = (0xC000003E, 0xC00000B7)[column]
    program = _filter(architecture, numbers, listed=_DENY if files else _ALLOW, others=_ALLOW if files else _DENY)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    code = ctypes.create_string_buffer(program)
    header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code))
    return bool(libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.c_char_p(header), 0, 0) == 0)


def _filter(architecture: int, numbers: Iterable[int], *, listed: int, others: int) -> bytes:
    """Return a filter in the kernel's language: ``listed`` for these system calls, ``others`` for all others."""
    numbers = sorted(set(numbers))
    checks = [(_EQUAL, 0, 1, number) for number in numbers]
    code = [(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, architecture), (_RETURN, 0, 0, _DENY)]
    code += [(_LOAD, 0, 0, 0), (_AT_LEAST, 0, 1, _OTHER_ABI), (_RETURN, 0, 0, _DENY)]
    for check in checks:
        code += [check, (_RETURN, 0, 0, listed)]
    code.append((_RETURN, 0, 0, others))
    return b"".join(struct.pack("<HBBI", operation, yes, no, value) for operation, yes, no, value in code)
