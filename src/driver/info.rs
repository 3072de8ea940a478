//! What `--info` prints: one `name: yes|no` a line, for people and for tests.

use crate::host::{Feature, Host};

/// The version, the CPUs, and every feature that some supported kernel lacks.
pub fn info(host: &dyn Host) -> String {
    let mut out =
        format!("beetrace: v{}\npossible cpus: {}\n", env!("CARGO_PKG_VERSION"), host.possible_cpus());
    for feature in Feature::ALL {
        out += &format!("{}: {}\n", feature.name(), if host.has(*feature) { "yes" } else { "no" });
    }
    out
}
