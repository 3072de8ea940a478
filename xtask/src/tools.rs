//! bpftrace's own tools for guests, and what their events come from that busybox and `workload` cannot give: bash, and
//! a `workload` that is linked dynamically, for the tools that probe the C library.

use crate::{Res, probed, product, setup};
use std::path::{Path, PathBuf};

/// Files for a guest, with their paths there: the tools are in `/tools`.
///
/// Without an archive that has the tools the guest has none; the cases that want them are skipped and say so.
pub fn files() -> Res<Vec<(String, PathBuf)>> {
    let linked = product::linked_workload()?;
    let bash = Path::new("/bin/bash");
    let mut files = vec![("bin/bash".to_owned(), bash.to_owned())];
    for program in [bash, &linked] {
        files.extend(probed::libraries(program)?);
    }
    files.push(("bin/workload-linked".to_owned(), linked));
    match setup::bpftrace_tools() {
        Ok(folder) => files.push(("tools".to_owned(), folder)),
        Err(error) => eprintln!("xtask: {error}"),
    }
    Ok(files)
}
