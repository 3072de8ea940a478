//! Running one guest: starts QEMU, gives the agent's frames to the caller as they come, and watches the clock.

use super::image::{self, Input, Step};
use super::kernel::Kernel;
use super::wire::{Frame, INTERRUPT};
use crate::Res;
use std::fs;
use std::io::{BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// The emulator.
pub const PROGRAM: &str = "qemu-system-x86_64";

/// What a boot may take on a loaded machine, and what a guest may be silent for between two steps.
const BOOT: Duration = Duration::from_secs(120);
/// What a guest may be late for beyond a step's own time limit, which the agent enforces.
const GRACE: Duration = Duration::from_secs(20);
/// How often a wish of the user to stop is looked for.
const TICK: Duration = Duration::from_millis(200);

/// The shape of a guest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Machine {
    /// Number of virtual CPUs.
    pub cpus: u32,
    /// Memory as QEMU writes it, such as `1G`.
    pub memory: String,
    /// More kernel parameters.
    pub append: String,
    /// A disk's image, `/dev/vda` in a guest with the module `virtio_blk`; what is written to it is thrown away.
    pub disk: Option<PathBuf>,
}

impl Default for Machine {
    fn default() -> Machine {
        Machine { cpus: 2, memory: "1G".into(), append: String::new(), disk: None }
    }
}

/// How a guest's run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All steps ran.
    Done,
    /// The guest ended before its steps did.
    Died,
    /// The guest did not answer in time and was killed.
    Hung,
    /// The user asked twice to stop.
    Interrupted,
}

/// Boots `kernel`, runs `steps`, and hands every frame to `on_frame`. Gives how it ended and the console's text.
pub fn boot(
    kernel: &Kernel,
    machine: &Machine,
    input: &Input,
    steps: &[(usize, &Step)],
    on_frame: &mut dyn FnMut(Frame),
) -> Res<(Ending, String)> {
    let folder = Folder::new()?;
    let initrd = folder.0.join("initrd");
    let console = folder.0.join("console");
    let archive = image::initramfs(kernel, input, steps)?;
    fs::write(&initrd, archive).map_err(|e| format!("{}: {e}", initrd.display()))?;
    let mut child = start(kernel, machine, &initrd, &console)?;
    let ending = watch(&mut child, steps, on_frame);
    // the guest has no disk: nothing is lost by not waiting for its power-off
    let _ = child.kill();
    let _ = child.wait();
    let text = fs::read(&console).unwrap_or_default();
    Ok((ending?, String::from_utf8_lossy(&text).replace('\r', "")))
}

fn start(kernel: &Kernel, machine: &Machine, initrd: &Path, console: &Path) -> Res<Child> {
    let parameters = format!(
        "console=ttyS0 quiet panic=-1 mitigations=off kptr_restrict=0 random.trust_cpu=on {}",
        machine.append
    );
    let mut qemu = Command::new(PROGRAM);
    if let Some(disk) = &machine.disk {
        qemu.arg("-drive").arg(format!("file={},format=raw,if=virtio,snapshot=on", disk.display()));
    }
    qemu.args(["-accel", "tcg,thread=multi", "-cpu", "max", "-nodefaults", "-display", "none", "-no-reboot"])
        .args(["-smp", &machine.cpus.to_string(), "-m", &machine.memory])
        .arg("-kernel")
        .arg(kernel.image())
        .arg("-initrd")
        .arg(initrd)
        .args(["-append", parameters.trim_end()])
        .args(["-serial", &format!("file:{}", console.display())])
        .args(["-chardev", "stdio,id=port,signal=off", "-serial", "chardev:port"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        // a ctrl-C is for the guest's step, not for QEMU
        .process_group(0)
        .spawn()
        .map_err(|e| format!("{PROGRAM}: {e}; run `cargo xtask setup`"))
}

fn watch(child: &mut Child, steps: &[(usize, &Step)], on_frame: &mut dyn FnMut(Frame)) -> Res<Ending> {
    let mut to_guest = child.stdin.take().expect("QEMU's input is piped");
    let frames = receive(BufReader::new(child.stdout.take().expect("QEMU's output is piped")));
    let mut deadline = Instant::now() + BOOT;
    let mut seen = interrupts();
    let mut asked = 0;
    loop {
        match frames.recv_timeout(TICK) {
            Ok(frame) => match frame? {
                Frame::Done => return Ok(Ending::Done),
                Frame::Begin(step) => {
                    let limit =
                        steps.iter().find(|(number, _)| *number == step).map(|(_, step)| step.timeout);
                    deadline = Instant::now() + limit.unwrap_or_default() + GRACE;
                    on_frame(Frame::Begin(step));
                }
                frame => {
                    if matches!(frame, Frame::End(..) | Frame::Hello(_)) {
                        deadline = Instant::now() + BOOT;
                    }
                    on_frame(frame);
                }
            },
            Err(RecvTimeoutError::Disconnected) => return Ok(Ending::Died),
            Err(RecvTimeoutError::Timeout) if Instant::now() > deadline => return Ok(Ending::Hung),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if interrupts() != seen {
            seen = interrupts();
            asked += 1;
            if asked > 1 || to_guest.write_all(&[INTERRUPT]).and_then(|()| to_guest.flush()).is_err() {
                return Ok(Ending::Interrupted);
            }
        }
    }
}

fn receive(mut from: BufReader<impl std::io::Read + Send + 'static>) -> Receiver<Res<Frame>> {
    let (send, frames) = mpsc::channel();
    thread::spawn(move || {
        while let Some(frame) = Frame::read(&mut from).transpose() {
            let last = frame.is_err();
            if send.send(frame).is_err() || last {
                break;
            }
        }
    });
    frames
}

static INTERRUPTS: AtomicU32 = AtomicU32::new(0);

fn interrupts() -> u32 {
    INTERRUPTS.load(Ordering::SeqCst)
}

/// From now on SIGINT and SIGTERM end the guest's step instead of this process; a second one ends the guest.
pub fn catch_interrupts() {
    const SIGINT: i32 = 2;
    const SIGTERM: i32 = 15;
    unsafe extern "C" {
        fn signal(number: i32, handler: extern "C" fn(i32)) -> usize;
    }
    extern "C" fn note(_: i32) {
        INTERRUPTS.fetch_add(1, Ordering::SeqCst);
    }
    for number in [SIGINT, SIGTERM] {
        // SAFETY: the declaration is libc's, and the handler does nothing but an atomic addition.
        unsafe { signal(number, note) };
    }
}

/// A folder for one run, removed when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Res<Folder> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("beetrace-guest-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(Folder(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
