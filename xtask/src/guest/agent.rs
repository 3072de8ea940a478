//! The agent inside a guest: runs the steps of `/job` one after the other and reports them as frames.
//!
//! Each step is a shell script in a process group of its own, which is killed when the step ends or its time is up,
//! so that no step sees what an earlier one left running. Output is sent at once for a live step; else after the
//! step's end, so that the serial port's interrupts do not disturb what is measured.

use super::image::{INPUT, JOB, SCRATCH};
use super::wire::{Frame, INTERRUPT, Status};
use crate::Res;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// The port to the host.
pub const PORT: &str = "/dev/ttyS1";

/// How long what a step left behind may hold its output open.
const LINGER: Duration = Duration::from_millis(500);

/// The time of a step that names none.
const DEFAULT_LIMIT: Duration = Duration::from_secs(60);

type Port = Arc<Mutex<File>>;

/// The process group of the running step, 0 when there is none.
static RUNNING: AtomicU32 = AtomicU32::new(0);

/// Runs every step of the job.
pub fn run() -> Res<u8> {
    let failed = |e: std::io::Error| format!("{PORT}: {e}");
    let file = File::options().read(true).write(true).open(PORT).map_err(failed)?;
    listen(file.try_clone().map_err(failed)?);
    let port = Arc::new(Mutex::new(file));
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    send(&port, &Frame::Hello(release.trim().to_owned()));
    let mut steps: Vec<PathBuf> =
        fs::read_dir(JOB).map_err(|e| format!("{JOB}: {e}"))?.flatten().map(|e| e.path()).collect();
    steps.sort();
    for folder in &steps {
        let number = folder.file_name().and_then(|n| n.to_str()).and_then(|n| n.parse().ok());
        let number = number.ok_or_else(|| format!("{}: not a step", folder.display()))?;
        send(&port, &Frame::Begin(number));
        let status = step(&port, number, folder)?;
        send(&port, &Frame::End(number, status));
    }
    send(&port, &Frame::Done);
    Ok(0)
}

fn send(port: &Port, frame: &Frame) {
    // with the port gone there is nobody left to tell
    let _ = frame.write(&mut *port.lock().expect("no sender panics"));
}

/// Interrupts the running step whenever the host asks for it.
fn listen(mut from: File) {
    thread::spawn(move || {
        let mut byte = [0];
        while from.read_exact(&mut byte).is_ok() {
            if byte[0] == INTERRUPT {
                signal("INT", RUNNING.load(Ordering::SeqCst));
            }
        }
    });
}

fn signal(name: &str, group: u32) {
    if group != 0 {
        let _ = Command::new("/bin/busybox")
            .args(["kill", &format!("-{name}"), "--", &format!("-{group}")])
            .stderr(Stdio::null())
            .status();
    }
}

fn step(port: &Port, number: usize, folder: &Path) -> Res<Status> {
    let live = folder.join("live").exists();
    let limit = fs::read_to_string(folder.join("timeout")).ok().and_then(|text| text.trim().parse().ok());
    let limit = limit.map_or(DEFAULT_LIMIT, Duration::from_secs);
    let cwd = if live { INPUT } else { SCRATCH };
    let _ = fs::remove_dir_all(SCRATCH);
    fs::create_dir_all(SCRATCH).map_err(|e| format!("{SCRATCH}: {e}"))?;
    let mut child = Command::new("/bin/sh")
        .arg(folder.join("run"))
        .current_dir(cwd)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|e| format!("/bin/sh: {e}"))?;
    RUNNING.store(child.id(), Ordering::SeqCst);
    let output =
        child.stdout.take().map(|pipe| collect(pipe, port, live, move |data| Frame::Out(number, data)));
    let errors =
        child.stderr.take().map(|pipe| collect(pipe, port, live, move |data| Frame::Err(number, data)));
    let status = wait(&mut child, limit)?;
    for end in [output, errors].into_iter().flatten() {
        if end.recv_timeout(LINGER).is_err() {
            signal("KILL", child.id());
            let _ = end.recv_timeout(LINGER);
        }
    }
    signal("KILL", child.id());
    RUNNING.store(0, Ordering::SeqCst);
    Ok(status)
}

/// Waits without polling: a thread kills the group when the time is up.
fn wait(child: &mut Child, limit: Duration) -> Res<Status> {
    let group = child.id();
    let (ended, end) = mpsc::channel::<()>();
    let watchdog = thread::spawn(move || {
        let late = end.recv_timeout(limit) == Err(RecvTimeoutError::Timeout);
        if late {
            signal("KILL", group);
        }
        late
    });
    let status = child.wait().map_err(|e| format!("waiting for a step: {e}"))?;
    drop(ended);
    if watchdog.join().expect("the watchdog does not panic") {
        return Ok(Status::TimedOut);
    }
    Ok(status.code().map_or(Status::Signal(status.signal().unwrap_or(0)), Status::Exit))
}

/// Reads `pipe` to its end in a thread of its own; the receiver gets a message when the end is reached.
fn collect<R: Read + Send + 'static>(
    mut pipe: R,
    port: &Port,
    live: bool,
    frame: impl Fn(Vec<u8>) -> Frame + Send + 'static,
) -> Receiver<()> {
    let port = Arc::clone(port);
    let (done, end) = mpsc::channel();
    thread::spawn(move || {
        let mut kept = Vec::new();
        let mut buffer = vec![0; 64 << 10];
        while let Ok(n @ 1..) = pipe.read(&mut buffer) {
            if live {
                send(&port, &frame(buffer[..n].to_vec()));
            } else {
                kept.extend_from_slice(&buffer[..n]);
            }
        }
        if !kept.is_empty() {
            send(&port, &frame(kept));
        }
        let _ = done.send(());
    });
    end
}
