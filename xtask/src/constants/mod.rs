//! The table of constants that kernel BTF lacks, made from the kernel's user API headers (Debian: linux-libc-dev), libc's
//! for what the kernel keeps in headers of its own, and `kernel.h` beside this file.
//!
//! How it finds values: the C compiler lists a header's macros, then is given all of them as constants; those that it
//! refuses (types, text, functions) are left out. One line of the table is a name and its value, sorted by name.

use crate::{Res, paths, sh};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Headers to take all macros of.
const HEADERS: &[&str] = &[
    "asm/errno.h",
    "asm/ioctls.h",
    "asm/mman.h",
    "asm/poll.h",
    "asm/resource.h",
    "asm/signal.h",
    "fcntl.h",
    "dirent.h",
    "linux/audit.h",
    "linux/auxvec.h",
    "linux/bpf.h",
    "linux/capability.h",
    "linux/eventpoll.h",
    "linux/falloc.h",
    "linux/fcntl.h",
    "linux/fs.h",
    "linux/futex.h",
    "linux/icmp.h",
    "linux/icmpv6.h",
    "linux/if.h",
    "linux/if_arp.h",
    "linux/if_ether.h",
    "linux/if_link.h",
    "linux/if_packet.h",
    "linux/if_vlan.h",
    "linux/in.h",
    "linux/in6.h",
    "linux/inet_diag.h",
    "linux/inotify.h",
    "linux/ioprio.h",
    "linux/ip.h",
    "linux/ipc.h",
    "linux/kcmp.h",
    "linux/keyctl.h",
    "linux/limits.h",
    "linux/magic.h",
    "linux/memfd.h",
    "linux/mman.h",
    "linux/mount.h",
    "linux/net.h",
    "linux/netfilter.h",
    "linux/netfilter_ipv4.h",
    "linux/netlink.h",
    "linux/nvme_ioctl.h",
    "linux/oom.h",
    "linux/perf_event.h",
    "linux/prctl.h",
    "linux/ptrace.h",
    "linux/random.h",
    "linux/reboot.h",
    "linux/resource.h",
    "linux/rtnetlink.h",
    "linux/sched.h",
    "linux/seccomp.h",
    "linux/securebits.h",
    "linux/signal.h",
    "linux/socket.h",
    "linux/sockios.h",
    "linux/stat.h",
    "linux/swab.h",
    "linux/tcp.h",
    "linux/time.h",
    "linux/udp.h",
    "linux/uio.h",
    "linux/un.h",
    "linux/unix_diag.h",
    "linux/vm_sockets.h",
    "linux/wait.h",
    "linux/xattr.h",
    "netinet/in.h",
    "sys/socket.h",
    "sys/stat.h",
];

/// What begins names that no script means.
const UNWANTED: &[&str] = &["_", "linux", "unix", "BPF_ALU", "STATX__", "SWAP_FILE", "TASKSTATS"];

/// `cargo xtask constants`: writes the table.
pub fn task(args: &[String]) -> Res<u8> {
    if !args.is_empty() {
        return Err("constants takes no arguments".into());
    }
    let folder = std::env::temp_dir().join(format!("beetrace-constants-{}", std::process::id()));
    fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let made = table(&folder);
    fs::remove_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let table = made?;
    let path = paths::repo().join("src/sema/uapi/constants.txt");
    let text: String = table.iter().map(|(name, value)| format!("{name} {value}\n")).collect();
    fs::write(&path, &text).map_err(|e| format!("{}: {e}", path.display()))?;
    eprintln!("xtask: {} constants, {} bytes", table.len(), text.len());
    Ok(0)
}

fn table(folder: &Path) -> Res<BTreeMap<String, i128>> {
    let own = paths::repo().join("xtask/src/constants/kernel.h");
    let mut table = BTreeMap::new();
    let headers = HEADERS.iter().map(|header| (format!("#include <{header}>"), false));
    let own = (format!("#include \"{}\"", own.display()), true);
    for (include, own) in headers.chain([own]) {
        let include = format!("#define _GNU_SOURCE 1\n#include <stddef.h>\n{include}\n");
        let names: Vec<String> =
            macros(folder, &include)?.into_iter().filter(|name| own || wanted(name)).collect();
        for (name, value) in values(folder, &include, names)? {
            table.insert(name, value);
        }
    }
    table.retain(|name, _| !name.starts_with("__BITS") && !name.starts_with("__SIZEOF"));
    Ok(table)
}

fn wanted(name: &str) -> bool {
    !UNWANTED.iter().any(|prefix| name.starts_with(prefix)) && name.bytes().any(|b| b.is_ascii_uppercase())
}

/// Names of the macros without parameters that `include` brings, those of the compiler left out.
fn macros(folder: &Path, include: &str) -> Res<BTreeSet<String>> {
    let names = |text: &str| -> Res<BTreeSet<String>> {
        let source = folder.join("names.c");
        fs::write(&source, text).map_err(|e| format!("{}: {e}", source.display()))?;
        let listed = sh::output(Command::new("cc").args(["-E", "-dM"]).arg(&source))?;
        let defines = listed.lines().filter_map(|line| line.strip_prefix("#define "));
        Ok(defines
            .filter_map(|line| line.split_once(' '))
            .filter(plain)
            .map(|(name, _)| name.to_owned())
            .collect())
    };
    let before = names("#include <stddef.h>\n")?;
    Ok(names(include)?.into_iter().filter(|name| !before.contains(name)).collect())
}

/// True for a macro without parameters that stands for something.
fn plain((name, body): &(&str, &str)) -> bool {
    !name.contains('(') && !body.trim().is_empty()
}

/// The values of those of `names` that are constant integers.
fn values(folder: &Path, include: &str, names: Vec<String>) -> Res<Vec<(String, i128)>> {
    let (source, program) = (folder.join("values.c"), folder.join("values"));
    let mut names = names;
    // Once for what is no constant, once more for what the first errors hid.
    for _ in 0..8 {
        let first = include.lines().count() + 2;
        let mut text = format!("#include <stdio.h>\n{include}");
        for name in &names {
            text += &format!("enum {{ c_{name} = !!({name}) }};\n");
        }
        text += "int main(void) {\n";
        for name in &names {
            text += &format!(
                "printf(\"%s %d %llu\\n\", \"{name}\", ({name}) < 0, (unsigned long long)({name}));\n"
            );
        }
        text += "return 0; }\n";
        fs::write(&source, &text).map_err(|e| format!("{}: {e}", source.display()))?;
        let mut command = Command::new("cc");
        command.args(["-w", "-fmax-errors=0", "-o"]).arg(&program).arg(&source);
        let output = command.output().map_err(|e| format!("cc: {e}"))?;
        if output.status.success() {
            return parse(&sh::output(&mut Command::new(&program))?);
        }
        let wrong = wrong_lines(&String::from_utf8_lossy(&output.stderr), &source);
        let before = names.len();
        let main = first + before;
        let mut at = 0;
        names.retain(|_| {
            at += 1;
            !wrong.contains(&(first + at - 1)) && !wrong.contains(&(main + at))
        });
        if names.len() == before {
            return Err(format!("cc refuses {include}: {}", String::from_utf8_lossy(&output.stderr)));
        }
    }
    Err(format!("cc never takes {include}"))
}

/// Lines of `source` that the compiler complains about.
fn wrong_lines(messages: &str, source: &Path) -> BTreeSet<usize> {
    let prefix = format!("{}:", source.display());
    let place =
        messages.lines().filter(|line| line.contains("error:")).filter_map(|line| line.strip_prefix(&prefix));
    place.filter_map(|rest| rest.split(':').next()?.parse().ok()).collect()
}

fn parse(text: &str) -> Res<Vec<(String, i128)>> {
    let line = |line: &str| -> Option<(String, i128)> {
        let mut words = line.split(' ');
        let (name, negative, value) = (words.next()?, words.next()?, words.next()?.parse::<u64>().ok()?);
        let value = if negative == "1" { i128::from(value as i64) } else { i128::from(value) };
        Some((name.to_owned(), value))
    };
    text.lines().map(|l| line(l).ok_or_else(|| format!("not understood: {l}"))).collect()
}
