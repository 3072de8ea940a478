//! `cargo xtask bench`: the rows of the performance table, beetrace beside bpftrace and ply, in one run.
//!
//! Machines are noisy and differ, so only the ratios of one run count. The reference tracers are taken from PATH, or
//! from the commands in BPFTRACE and PLY (which may hold several words, `chroot DIR bpftrace` for one); a row of a
//! tracer that is not there is empty.
//!
//! Every event that is traced here comes from the workload that the tracer itself starts: scripts filter by `cpid`.
//! Nothing of the system is changed but kernel.bpf_stats_enabled, which is set back.

mod costs;
mod exact;
mod process;
mod scale;
mod start;
mod table;
mod tracer;

use crate::{Res, product};
use table::Table;
use tracer::Tracer;

/// What every row needs.
pub struct Bench {
    /// The release build.
    pub beetrace: Tracer,
    /// bpftrace, where found.
    pub bpftrace: Option<Tracer>,
    /// ply, where found.
    pub ply: Option<Tracer>,
    /// The test program.
    pub workload: String,
}

/// Rows of one subject, added to the table.
type Rows = fn(&Bench, &mut Table) -> Res<()>;

/// The subjects, by the name that selects them on the command line.
const SUBJECTS: &[(&str, Rows)] =
    &[("start", start::rows), ("costs", costs::rows), ("exact", exact::rows), ("scale", scale::rows)];

/// The task.
pub fn task(args: &[String]) -> Res<u8> {
    let bench = Bench {
        beetrace: Tracer::beetrace(&product::release()?),
        bpftrace: Tracer::reference("BPFTRACE", "bpftrace"),
        ply: Tracer::reference("PLY", "ply"),
        workload: product::workload()?.display().to_string(),
    };
    let mut table = Table::new();
    for (name, rows) in SUBJECTS {
        if args.is_empty() || args.iter().any(|wanted| wanted == name) {
            rows(&bench, &mut table)?;
        }
    }
    print!("{table}");
    Ok(0)
}
