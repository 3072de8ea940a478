//! Which C headers need not be there, and where the others are looked for. (contract)

/// A place to look for a header in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderPlace<'a> {
    /// The folder of the file of this name.
    Beside(&'a str),
    /// The folders that the command line names (`-I`).
    Given,
    /// The machine's own folders, `/usr/include` and the like.
    Usual,
}

/// A header that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Where: the name that messages use.
    pub path: String,
    /// The whole text, or why it cannot be read.
    pub text: Result<String, String>,
}

/// Headers that say nothing which is not known without them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// One of the kernel, or of the compiler: its types are the kernel's or C's own, its constants are in a table.
    Always,
    /// One of libc, which is read where it is there and passed over elsewhere.
    Otherwise,
}

/// Folders of the kernel's headers.
const KERNEL: &[&str] = &[
    "linux",
    "net",
    "uapi",
    "asm",
    "asm-generic",
    "bpf",
    "trace",
    "vdso",
    "scsi",
    "drm",
    "kvm",
    "crypto",
    "rdma",
    "sound",
    "video",
    "xen",
    "acpi",
    "block",
    "kernel",
    "mm",
    "fs",
    "drivers",
    "media",
    "misc",
    "mtd",
    "ras",
    "target",
    "soc",
    "generated",
    "clocksource",
    "memory",
    "pcmcia",
    "keys",
    "math-emu",
    "ufs",
    "cxl",
    "hyperv",
];

/// The compiler's headers, and the types of a whole kernel in one.
const COMPILER: &[&str] = &[
    "stdint.h",
    "stddef.h",
    "stdbool.h",
    "stdarg.h",
    "stdalign.h",
    "stdatomic.h",
    "stdnoreturn.h",
    "limits.h",
    "float.h",
    "iso646.h",
    "inttypes.h",
    "vmlinux.h",
];

/// Folders of libc's headers.
const LIBC: &[&str] = &["sys", "netinet", "arpa", "netpacket", "net", "bits", "gnu", "rpc"];

/// Libc's headers that stand in no folder.
const LIBC_FILES: &[&str] = &[
    "assert.h",
    "ctype.h",
    "dirent.h",
    "dlfcn.h",
    "elf.h",
    "endian.h",
    "errno.h",
    "fcntl.h",
    "grp.h",
    "locale.h",
    "math.h",
    "netdb.h",
    "poll.h",
    "pthread.h",
    "pwd.h",
    "sched.h",
    "setjmp.h",
    "signal.h",
    "stdio.h",
    "stdlib.h",
    "string.h",
    "strings.h",
    "syscall.h",
    "time.h",
    "unistd.h",
    "utime.h",
    "wchar.h",
    "features.h",
];

/// What is known of the header `name`.
pub fn known(name: &str) -> Option<Known> {
    let folder = name.split_once('/').map(|(folder, _)| folder);
    match folder {
        Some(folder) if KERNEL.contains(&folder) => Some(Known::Always),
        Some(folder) if LIBC.contains(&folder) => Some(Known::Otherwise),
        None if COMPILER.contains(&name) => Some(Known::Always),
        None if LIBC_FILES.contains(&name) => Some(Known::Otherwise),
        _ => None,
    }
}
