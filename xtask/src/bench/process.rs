//! Running a process and what it cost: CPU time, wall time, peak memory.

use crate::Res;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// What a finished process cost.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Cost {
    /// Exit status; −1 when killed.
    pub status: i32,
    /// User and system time, ms.
    pub cpu: f64,
    /// Wall time, ms.
    pub wall: f64,
    /// Largest resident set, KiB.
    pub peak: f64,
}

#[repr(C)]
#[derive(Default)]
struct Timeval {
    seconds: i64,
    micros: i64,
}

/// struct rusage of 64-bit Linux.
#[repr(C)]
#[derive(Default)]
struct Rusage {
    user: Timeval,
    system: Timeval,
    peak: i64,
    rest: [i64; 13],
}

unsafe extern "C" {
    fn wait4(pid: i32, status: *mut i32, options: i32, usage: *mut Rusage) -> i32;
}

/// Waits for the end of a child that was started at `start`.
pub fn wait(child: &Child, start: Instant) -> Res<Cost> {
    let (mut status, mut usage) = (0, Rusage::default());
    // SAFETY: both pointers are to live memory of the right layout; the child is ours and not yet waited for.
    let pid = unsafe { wait4(child.id() as i32, &raw mut status, 0, &raw mut usage) };
    if pid != child.id() as i32 {
        return Err(format!("wait4: {}", std::io::Error::last_os_error()));
    }
    let ms = |t: &Timeval| t.seconds as f64 * 1e3 + t.micros as f64 / 1e3;
    let exited = status & 0x7f == 0;
    Ok(Cost {
        status: if exited { status >> 8 & 0xff } else { -1 },
        cpu: ms(&usage.user) + ms(&usage.system),
        wall: start.elapsed().as_secs_f64() * 1e3,
        peak: usage.peak as f64,
    })
}

/// Runs a command to its end.
pub fn run(command: &mut Command) -> Res<Cost> {
    let start = Instant::now();
    let child = command.spawn().map_err(|e| format!("{}: {e}", command.get_program().to_string_lossy()))?;
    wait(&child, start)
}

/// The median of each cost over `times` runs.
pub fn median(times: usize, mut command: impl FnMut() -> Command) -> Res<Cost> {
    let runs = (0..times).map(|_| run(&mut command())).collect::<Res<Vec<_>>>()?;
    let middle = |of: fn(&Cost) -> f64| {
        let mut values: Vec<f64> = runs.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let status = runs.iter().map(|r| r.status).find(|s| *s != 0).unwrap_or(0);
    Ok(Cost { status, cpu: middle(|c| c.cpu), wall: middle(|c| c.wall), peak: middle(|c| c.peak) })
}

/// Polls until `done` gives a value, at most for `limit`.
pub fn poll<T>(limit: Duration, mut done: impl FnMut() -> Option<T>) -> Option<T> {
    let start = Instant::now();
    while start.elapsed() < limit {
        if let Some(found) = done() {
            return Some(found);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    None
}
