//! The kernel's constants that its types do not tell: macros of its headers, such as `AF_INET` and `O_CREAT`.
//!
//! `constants.txt` is made by `cargo xtask constants`, from the kernel's user API headers and a list of what other headers
//! define alike in every supported kernel; see `xtask/src/constants`. It is searched as it is: a name costs some
//! comparisons, and nothing when no name is asked for. The values are those of x86-64; the few that 64-bit ARM has
//! otherwise stand here.

/// Names and values in decimal, a line each, sorted by name.
const TABLE: &str = include_str!("constants.txt");

/// What 64-bit ARM has otherwise.
const ARM: &[(&str, i128)] = &[
    ("O_DIRECTORY", 0o40000),
    ("O_NOFOLLOW", 0o100_000),
    ("O_DIRECT", 0o200_000),
    ("O_LARGEFILE", 0o400_000),
];

/// The value of a constant.
pub(super) fn find(name: &str) -> Option<i128> {
    let other = ARM.iter().find(|(own, _)| *own == name).filter(|_| cfg!(target_arch = "aarch64"));
    match other {
        Some((_, value)) => Some(*value),
        None => search(name),
    }
}

fn search(name: &str) -> Option<i128> {
    let (mut low, mut high) = (0, TABLE.len());
    while low < high {
        let middle = low + (high - low) / 2;
        let start = TABLE[..middle].rfind('\n').map_or(0, |at| at + 1);
        let end = TABLE[middle..].find('\n').map_or(TABLE.len(), |at| middle + at);
        let (own, value) = TABLE[start..end].split_once(' ')?;
        match own.cmp(name) {
            std::cmp::Ordering::Equal => return value.parse().ok(),
            std::cmp::Ordering::Less => low = end + 1,
            std::cmp::Ordering::Greater => high = start,
        }
    }
    None
}

/// All names, for suggestions.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    TABLE.lines().filter_map(|line| line.split_once(' ').map(|(name, _)| name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found() {
        assert!(names().count() > 4000);
        for line in TABLE.lines() {
            let (name, value) = line.split_once(' ').unwrap();
            assert_eq!(search(name), Some(value.parse().unwrap()), "{name}");
        }
        assert!(TABLE.lines().is_sorted_by_key(|line| line.split(' ').next()));
        assert_eq!((find(""), find("zzz"), find("AF_"), find("AF_INET6")), (None, None, None, Some(10)));
    }

    #[test]
    fn what_scripts_use_is_there() {
        let known: &[(&str, i128)] = &[
            ("AF_INET", 2),
            ("SOCK_DGRAM", 2),
            ("IPPROTO_UDP", 17),
            ("DT_REG", 8),
            ("S_IFMT", 0o170_000),
            ("O_CREAT", 0o100),
            ("TASK_UNINTERRUPTIBLE", 2),
            ("ENOENT", 2),
            ("SIGTERM", 15),
            ("PROT_EXEC", 4),
            ("CLONE_THREAD", 0x10000),
            ("GFP_KERNEL", 0xcc0),
            ("NSEC_PER_SEC", 1_000_000_000),
        ];
        let missing: Vec<_> = known.iter().filter(|(name, value)| find(name) != Some(*value)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
