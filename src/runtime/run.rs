//! A run from BEGIN to the last map.
//!
//! Order: BEGIN programs · attach · the command of `-c` starts · events · detach · what is left of them · END programs ·
//! their output · the maps · the footer.
//!
//! While records come the loop looks for more every millisecond, and nobody wakes it. When there are none it says so
//! ([`Global::Asleep`]), looks once more and sleeps: the next record wakes it, as do signals, the end of the command or of
//! the traced process, and a reader of the output that goes away.

use std::io::{self, Read};
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::child::{Child, Target};
use super::failure::{Failure, words};
use super::kernel::{Kernel, Shared};
use super::ledger::Losses;
use super::names::SystemNames;
use super::notify;
use super::output::{Output, TextKind};
use super::session::{BATCH, Session};
use super::signals::Signals;
use super::sys::{self, Epoll, Interest};
use super::trials::{self, Capture};
use crate::object::artifact::Artifact;
use crate::sema::tree::ProbeKind;
use crate::wire::map::Global;

/// How to run.
#[derive(Clone, Copy, Debug)]
pub struct RunOptions {
    /// No "Attached N probes".
    pub quiet: bool,
    /// The footer tells what is not known even when nothing was lost.
    pub verbose: bool,
    /// Print the maps at the end.
    pub print_maps: bool,
    /// Run the tests and benchmarks instead of waiting for events (`--test`, `--bench`).
    pub trials: bool,
}

/// The processes that a run is about.
#[derive(Debug, Default)]
pub struct Processes {
    /// The command of `-c`, waiting to start. Its end ends the run.
    pub child: Option<Child>,
    /// The process of `-p`. Its end ends the run.
    pub target: Option<Target>,
}

/// Where a run writes.
pub struct Outlets<'a> {
    /// What the script prints.
    pub results: &'a mut dyn Output,
    /// What is said about the run: how many probes were attached, and what was not seen.
    pub messages: &'a mut dyn io::Write,
}

/// Runs a loaded script to its end; gives the exit status.
///
/// # Errors
/// When a program cannot be run or attached, the command does not start, output fails, or the user quits at once.
/// Everything is detached then.
pub fn run(
    artifact: &Artifact,
    kernel: &mut dyn Kernel,
    options: &RunOptions,
    processes: &mut Processes,
    outlets: Outlets,
    signals: Signals,
) -> Result<u8, Failure> {
    let Outlets { results, messages } = outlets;
    let mut capture = Capture::default();
    let mut names = SystemNames::of(artifact, kernel.stacks());
    let mut session = Session::new(artifact, kernel, results, &mut names, signals);
    let started = match options.trials {
        true => session.kernel.begin().map(|()| false),
        false => start(artifact, &mut session, options, processes, messages, signals),
    };
    let mut passed = true;
    let result = started.and_then(|goes_on| match goes_on {
        false if options.trials => {
            passed = trials::run(artifact, &mut session, &mut capture, signals, messages)?;
            Ok(())
        }
        true if has_iterators(artifact) => iterate(&mut session, signals),
        true => wait(artifact, &mut session, processes, signals),
        false => Ok(()),
    });
    if !options.trials {
        inform(notify::STOPPING, messages);
    }
    // whatever happened, no program runs on
    session.kernel.detach();
    sys::wait_for_programs();
    result?;
    let status = finish(&mut session, options)?;
    footer(artifact, session.kernel, options, messages);
    Ok(if status == 0 && !passed { 1 } else { status })
}

/// All until the first event; false when there is nothing to wait for.
fn start(
    artifact: &Artifact,
    session: &mut Session,
    options: &RunOptions,
    processes: &mut Processes,
    messages: &mut dyn io::Write,
    signals: Signals,
) -> Result<bool, Failure> {
    if let Some(start) = session.kernel.shared(Shared::Globals).get(Global::Start as usize) {
        start.store(sys::boot_time(), Ordering::Release);
    }
    if !by_hand(artifact, ProbeKind::SelfSignal).is_empty() {
        signals.watch_user();
    }
    session.kernel.begin()?;
    let attached = session.kernel.attach()?;
    let ended = session.exit_status().is_some();
    if !options.quiet {
        let count = probes(artifact, attached);
        let told = session.output.attached(count).map_err(|error| Failure::output(&error))?;
        if !told {
            let _ = writeln!(messages, "Attached {count} probe{}", if count == 1 { "" } else { "s" });
        }
    }
    inform(notify::READY, messages);
    if let Some(child) = processes.child.as_mut().filter(|_| !ended) {
        child.go()?;
        // its program is in place, and it may end before the first of its stacks is read
        session.sight(child.pid());
    }
    let signalled = !by_hand(artifact, ProbeKind::SelfSignal).is_empty();
    Ok((attached > 0 || signalled) && !ended)
}

/// Tells the service manager, if the run is a service.
fn inform(state: &str, messages: &mut dyn io::Write) {
    if let Err(error) = notify::tell(state) {
        let _ = writeln!(messages, "warning: cannot tell the service manager: {}", words(&error));
    }
}

/// Programs of a kind that is run by hand.
fn by_hand(artifact: &Artifact, kind: ProbeKind) -> Vec<usize> {
    (0..artifact.programs.len()).filter(|program| artifact.programs[*program].kind == kind).collect()
}

fn has_iterators(artifact: &Artifact) -> bool {
    artifact.programs.iter().any(|program| program.kind == ProbeKind::Iter)
}

/// Bytes read from an iterator at once. It gives none: reading is what makes its program run.
const CHUNK: usize = 4096;

/// Runs the iterators over all objects; the run ends with them.
fn iterate(session: &mut Session, signals: Signals) -> Result<(), Failure> {
    for path in session.kernel.pin()? {
        let text = format!("Program pinned to {path}\n");
        // as it is: `cat` adds nothing
        let written = session.output.text(TextKind::Cat, text.as_bytes());
        written.map_err(|error| Failure::output(&error))?;
    }
    for mut objects in session.kernel.iterators()? {
        let mut chunk = [0; CHUNK];
        while signals.count() == 0 && !session.has_ended() {
            let end = match objects.read(&mut chunk) {
                Ok(count) => count == 0,
                // the kernel rests after many objects that gave nothing to read
                Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EINTR)) => false,
                Err(error) => return Err(Failure::system("iterate", &error)),
            };
            while session.pump()? == BATCH {}
            if end {
                break;
            }
        }
    }
    Ok(())
}

/// Runs what waits for signals that came.
fn answer_signals(artifact: &Artifact, session: &mut Session, signals: Signals) -> Result<(), Failure> {
    for _ in 0..signals.take_user() {
        for program in by_hand(artifact, ProbeKind::SelfSignal) {
            session.kernel.run(program)?;
        }
    }
    Ok(())
}

/// Carries out what comes until something ends the run.
fn wait(
    artifact: &Artifact,
    session: &mut Session,
    processes: &Processes,
    signals: Signals,
) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::system("wait for events", &error);
    let epoll = watch(session, processes, signals).map_err(failed)?;
    let mut ready = Vec::new();
    while signals.count() == 0 {
        let count = session.pump()?;
        if session.has_ended() {
            break;
        }
        let mut pause = Duration::ZERO;
        if count < BATCH {
            session.output.writer().idle().map_err(|error| Failure::output(&error))?;
            pause = if count == 0 && fall_asleep(session.kernel) { LONG } else { SHORT };
        }
        epoll.wait(pause, &mut ready).map_err(failed)?;
        set_asleep(session.kernel, false);
        for token in &ready {
            match *token {
                RECORDS => {}
                CLOSED => return Err(Failure::output(&io::ErrorKind::BrokenPipe.into())),
                // a signal shows in its count
                SIGNAL => {
                    signals.acknowledge();
                    answer_signals(artifact, session, signals)?;
                }
                _ => return Ok(()),
            }
        }
    }
    Ok(())
}

/// Asks to be woken by the next record; false when there is one already.
fn fall_asleep(kernel: &mut dyn Kernel) -> bool {
    set_asleep(kernel, true);
    let empty = kernel.records().is_none_or(|records| records.fill() == 0);
    set_asleep(kernel, empty);
    empty
}

fn set_asleep(kernel: &dyn Kernel, asleep: bool) {
    if let Some(word) = kernel.shared(Shared::Globals).get(Global::Asleep as usize) {
        word.store(u64::from(asleep), Ordering::SeqCst);
    }
}

/// Between two looks at the ring while records come, and asleep: a program may have looked just before.
const SHORT: Duration = Duration::from_millis(1);
const LONG: Duration = Duration::from_millis(100);

const RECORDS: u64 = 0;
const SIGNAL: u64 = 1;
const ENDED: u64 = 2;
const CLOSED: u64 = 3;

fn watch(session: &mut Session, processes: &Processes, signals: Signals) -> io::Result<Epoll> {
    let epoll = Epoll::new()?;
    if let Some(fd) = session.kernel.records().and_then(|records| records.fd()) {
        epoll.add(fd, Interest::Wakeups, RECORDS)?;
    }
    epoll.add(signals.fd(), Interest::Readable, SIGNAL)?;
    let child = processes.child.as_ref().map(Child::fd);
    let target = processes.target.as_ref().map(Target::fd);
    for fd in child.into_iter().chain(target) {
        epoll.add(fd, Interest::Readable, ENDED)?;
    }
    if let Some(fd) = session.output.writer().fd() {
        epoll.add(fd, Interest::Closed, CLOSED)?;
    }
    Ok(epoll)
}

/// All after the programs were detached but the footer.
fn finish(session: &mut Session, options: &RunOptions) -> Result<u8, Failure> {
    session.drain()?;
    let status = session.exit_status();
    session.reopen();
    session.kernel.end()?;
    session.drain()?;
    let failed = |error: io::Error| Failure::output(&error);
    session.output.events_end().map_err(failed)?;
    if options.print_maps && !options.trials {
        session.print_maps()?;
    }
    session.output.writer().flush().map_err(failed)?;
    session.output.finish().map_err(failed)?;
    Ok(session.exit_status().or(status).unwrap_or(0))
}

/// Attach points that there are, with those that are run by hand.
fn probes(artifact: &Artifact, attached: usize) -> usize {
    let programs = artifact.programs.iter().filter(|program| program.kind.is_run_by_hand());
    attached + programs.map(|program| program.attach.len()).sum::<usize>()
}

/// Tells what was lost, if anything; with `-v` also what is not known.
fn footer(artifact: &Artifact, kernel: &mut dyn Kernel, options: &RunOptions, messages: &mut dyn io::Write) {
    let missed = kernel.missed();
    let losses = Losses::read(artifact, kernel.shared(Shared::Ledger), &missed);
    if !losses.is_empty() || options.verbose {
        let footer = losses.footer(&artifact.clauses);
        let _ = messages.write_all(footer.as_bytes());
    }
}
