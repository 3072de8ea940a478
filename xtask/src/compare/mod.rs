//! `cargo xtask compare`: scripts run by beetrace and by the reference, whose output and exit status must be the same.
//!
//! The scripts are data (`case`): files of `tests/compare`, with what the reference printed when it was recorded. Where
//! an image with the reference is found, it runs beside beetrace in the same guest, and a recorded answer that is not
//! what it prints now is a failure too. Without one beetrace is held against what is recorded. `--here` runs both on this
//! machine, the reference by the command that `BPFTRACE` names: quick, for scripts that need no events.

pub mod case;
mod here;

use crate::guest::image::{Input, Step};
use crate::guest::kernel::Kernel;
use crate::guest::qemu::{self, Ending, Machine};
use crate::guest::wire::{Frame, Status};
use crate::runtime::report::Counts;
use crate::{Res, paths, product, setup};
use case::{Answer, Case};
use std::path::{Path, PathBuf};
use std::{env, fs, thread};

const USAGE: &str = "usage: cargo xtask compare [--record] [--alone] [--here] [--kernel NAME] [--beetrace PATH] [--jobs N] [FILTER]
FILTER is a part of `FILE: CASE`. --record writes what the reference prints into the files, --alone does without it.
The reference is bpftrace in the ext4 image of a Debian root that REFERENCE_IMAGE names.";

/// The kernel of the guest when the user names none.
const KERNEL: &str = "6.12";
/// What makes the image's root the reference's. It has to be first in the guest.
const MOUNT: &str =
    "mkdir -p /ref && mount -t ext4 /dev/vda /ref && mkdir -p /ref/job && for f in proc sys dev tmp job; do
mount -o bind /$f /ref/$f || exit 1; done; for f in kernel/tracing fs/bpf kernel/debug fs/cgroup; do
mount -o bind /sys/$f /ref/sys/$f; done; chroot /ref bpftrace -V";
/// The reference's command in a guest.
const REFERENCE: &str = "chroot /ref bpftrace";
/// Modules that the image's disk needs.
const MODULES: &[&str] = &["virtio_blk"];

struct Request {
    record: bool,
    here: bool,
    alone: bool,
    kernel: Kernel,
    beetrace: Option<PathBuf>,
    image: Option<PathBuf>,
    jobs: usize,
    filter: String,
}

/// A file of cases.
struct File {
    path: PathBuf,
    text: String,
    cases: Vec<Case>,
}

/// What both did; None for a tracer that did not run.
#[derive(Default)]
struct Pair {
    reference: Option<Answer>,
    ours: Option<Answer>,
    /// What beetrace wrote to standard error.
    complaint: String,
    /// What the reference wrote there.
    told: String,
}

/// The task's entry.
pub fn task(args: &[String]) -> Res<u8> {
    let counts = run(&parse(args)?)?;
    println!("{counts}");
    Ok(u8::from(counts.failed > 0 || counts == Counts::default()))
}

/// Everything, held against what is recorded.
pub fn all() -> Res<Counts> {
    run(&parse(&["--alone".to_owned()])?)
}

fn parse(args: &[String]) -> Res<Request> {
    let image = env::var_os("REFERENCE_IMAGE").map(PathBuf::from);
    let mut request = Request {
        record: false,
        here: false,
        alone: false,
        kernel: Kernel::select(KERNEL)?[0],
        beetrace: None,
        image,
        jobs: 2,
        filter: String::new(),
    };
    let mut words = args.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value\n{USAGE}"));
        match word.as_str() {
            "--record" => request.record = true,
            "--here" => request.here = true,
            "--alone" => request.alone = true,
            "--kernel" => request.kernel = Kernel::select(value()?)?[0],
            "--beetrace" => request.beetrace = Some(value()?.into()),
            "--jobs" => request.jobs = value()?.parse().map_err(|_| USAGE)?,
            _ if word.starts_with('-') => return Err(format!("unknown argument {word}\n{USAGE}")),
            _ => request.filter = word.clone(),
        }
    }
    if request.alone {
        request.image = None;
    }
    if request.record && (request.alone || (request.image.is_none() && !request.here)) {
        return Err(format!("there is no reference to record\n{USAGE}"));
    }
    Ok(request)
}

fn run(request: &Request) -> Res<Counts> {
    if !request.here {
        setup::ensure(&[request.kernel])?;
    }
    let files = files(&paths::repo().join("tests/compare"))?;
    let wanted =
        |file: &File, case: &Case| format!("{}: {}", stem(&file.path), case.name).contains(&request.filter);
    let cases: Vec<(&File, &Case)> = files
        .iter()
        .flat_map(|file| file.cases.iter().map(move |case| (file, case)))
        .filter(|(file, case)| wanted(file, case))
        .collect();
    let mut input = Input::default();
    let beetrace = request.beetrace.clone().map_or_else(product::beetrace, Ok)?;
    input.program("beetrace", beetrace);
    input.program("workload", product::workload()?);
    if request.image.is_some() {
        input.modules = MODULES.iter().map(|name| (*name).to_owned()).collect();
    }
    if request.here {
        let binary = request.beetrace.clone().map_or_else(product::beetrace, Ok)?;
        let pairs =
            here::run(&binary, request.alone, &cases.iter().map(|(_, case)| *case).collect::<Vec<_>>())?;
        return finish(request, &files, &cases, &pairs);
    }
    qemu::catch_interrupts();
    let size = cases.len().div_ceil(request.jobs.max(1)).max(1);
    let pairs: Vec<Res<Vec<Pair>>> = thread::scope(|scope| {
        let guests: Vec<_> =
            cases.chunks(size).map(|part| scope.spawn(|| guest(request, &input, part))).collect();
        guests.into_iter().map(|guest| guest.join().expect("no guest's thread panics")).collect()
    });
    let pairs: Vec<Pair> = pairs.into_iter().collect::<Res<Vec<_>>>()?.into_iter().flatten().collect();
    finish(request, &files, &cases, &pairs)
}

fn finish(request: &Request, files: &[File], cases: &[(&File, &Case)], pairs: &[Pair]) -> Res<Counts> {
    if request.record {
        record(files, cases, pairs)?;
    }
    Ok(report(request, cases, pairs))
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn files(folder: &Path) -> Res<Vec<File>> {
    let entries = fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "cmp"));
    paths.sort();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(File { cases: case::parse(&stem(&path), &text)?, path, text })
    };
    paths.into_iter().map(read).collect()
}

/// Runs the cases in one guest, and in another one after each that ends it.
fn guest(request: &Request, input: &Input, cases: &[(&File, &Case)]) -> Res<Vec<Pair>> {
    let machine = Machine { memory: "3G".into(), disk: request.image.clone(), ..Machine::default() };
    let step = |case: &Case, tracer: &str| Step {
        script: case.command(tracer),
        timeout: case.timeout,
        live: false,
        files: case.files(),
    };
    let mount = Step { script: MOUNT.into(), timeout: TIMEOUT, live: false, files: Vec::new() };
    // two for each: the first pair prepares the guest
    let mut steps: Vec<Option<Step>> = vec![request.image.as_ref().map(|_| mount), None];
    for (_, case) in cases {
        steps.push(request.image.as_ref().map(|_| step(case, REFERENCE)));
        steps.push(Some(step(case, "beetrace")));
    }
    let mut pairs: Vec<Pair> = cases.iter().map(|_| Pair::default()).collect();
    let mut next = 2;
    while next < steps.len() {
        let first = steps[0].as_ref().map(|mount| (0, mount));
        let rest = steps.iter().enumerate().skip(next).filter_map(|(at, step)| Some((at, step.as_ref()?)));
        let todo: Vec<(usize, &Step)> = first.into_iter().chain(rest).collect();
        let mut ended = next;
        let (ending, console) = qemu::boot(&request.kernel, &machine, input, &todo, &mut |frame| {
            ended = ended.max(take(&mut pairs, frame));
        })?;
        match ending {
            Ending::Interrupted => return Err("interrupted".into()),
            Ending::Done => return Ok(pairs),
            Ending::Died | Ending::Hung => {
                let told = format!("the guest ended; the console's end:\n{}\n", crate::vm::tail(&console));
                pairs.get_mut(ended / 2 - 1).ok_or(told.clone())?.complaint += &told;
                next = ended + 1;
            }
        }
    }
    Ok(pairs)
}

/// What mounting may take.
const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(60);

/// Takes a frame down; gives the number of steps that are done.
fn take(pairs: &mut [Pair], frame: Frame) -> usize {
    let (number, end) = match &frame {
        Frame::Begin(number) | Frame::Out(number, _) | Frame::Err(number, _) => (*number, 0),
        Frame::End(number, _) => (*number, number + 1),
        Frame::Hello(_) | Frame::Done => return 0,
    };
    let Some(pair) = (number / 2).checked_sub(1).map(|at| &mut pairs[at]) else {
        // the mount's: said when it failed, for then every case fails
        if let Frame::Err(_, text) = frame {
            eprint!("{}", String::from_utf8_lossy(&text));
        }
        return 0;
    };
    let answer = if number % 2 == 0 { &mut pair.reference } else { &mut pair.ours };
    match frame {
        Frame::Begin(_) => *answer = Some(Answer::default()),
        Frame::Out(_, data) => {
            answer.get_or_insert_default().stdout += &String::from_utf8_lossy(&data);
        }
        Frame::Err(_, data) => {
            let text = if number % 2 == 0 { &mut pair.told } else { &mut pair.complaint };
            *text += &String::from_utf8_lossy(&data);
        }
        Frame::End(_, status) => answer.get_or_insert_default().status = code(status),
        _ => {}
    }
    end
}

fn code(status: Status) -> i32 {
    match status {
        Status::Exit(code) => code,
        Status::Signal(signal) => 128 + signal,
        Status::TimedOut => 124,
    }
}

/// Writes what the reference did into the files.
fn record(files: &[File], cases: &[(&File, &Case)], pairs: &[Pair]) -> Res<()> {
    for file in files {
        let answer = |case: &Case| {
            let at = cases.iter().position(|(_, other)| std::ptr::eq(*other, case))?;
            pairs[at].reference.as_ref().map(trimmed)
        };
        let answers: Vec<Option<Answer>> = file.cases.iter().map(answer).collect();
        let text = case::recorded(&file.text, &answers);
        if text != file.text {
            fs::write(&file.path, text).map_err(|e| format!("{}: {e}", file.path.display()))?;
        }
    }
    Ok(())
}

/// As a file of cases can say it: without blank lines around and carriage returns.
fn trimmed(answer: &Answer) -> Answer {
    let lines: Vec<&str> = answer.stdout.lines().map(str::trim_end).collect();
    let used = |line: &&str| !line.is_empty();
    let start = lines.iter().position(used).unwrap_or(lines.len());
    let end = lines.iter().rposition(used).map_or(start, |last| last + 1);
    Answer { status: answer.status, stdout: lines[start..end].join("\n") }
}

/// Whether two answers are the same: the text, and whether it went well.
fn same(one: &Answer, other: &Answer) -> bool {
    let (one, other) = (trimmed(one), trimmed(other));
    one.stdout.trim() == other.stdout.trim() && (one.status == 0) == (other.status == 0)
}

fn report(request: &Request, cases: &[(&File, &Case)], pairs: &[Pair]) -> Counts {
    let mut counts = Counts::default();
    let mut differ = 0;
    for ((file, case), pair) in cases.iter().zip(pairs) {
        let wrong = judge(request, case, pair);
        let name = format!("{}: {}", stem(&file.path), case.name);
        if wrong.is_empty() {
            counts.passed += 1;
            differ += u32::from(case.differs.is_some());
        } else {
            counts.failed += 1;
            println!("FAIL {name}\n{wrong}");
        }
    }
    println!("{} equal, {differ} deliberately different", counts.passed - differ);
    counts
}

/// What is wrong about a case, empty when nothing is.
fn judge(request: &Request, case: &Case, pair: &Pair) -> String {
    let mut wrong = String::new();
    let Some(ours) = &pair.ours else { return format!("beetrace did not run\n{}", pair.complaint) };
    match &pair.reference {
        Some(reference) if !request.record && !same(reference, &case.reference) => {
            wrong += &format!("the reference does not do what is recorded:\n{}", shown(reference));
        }
        // byte by byte, blank lines too
        Some(reference)
            if case.differs.is_none() && same(reference, ours) && reference.stdout != ours.stdout =>
        {
            wrong += &format!("blank space differs: {:?} and {:?}\n", reference.stdout, ours.stdout);
        }
        _ => {}
    }
    let expected = match (&case.differs, &pair.reference) {
        (None, Some(reference)) if request.record => reference,
        _ => case.expected(),
    };
    if !same(expected, ours) {
        wrong +=
            &format!("expected\n{}{}beetrace\n{}{}", shown(expected), pair.told, shown(ours), pair.complaint);
    }
    wrong
}

fn shown(answer: &Answer) -> String {
    let lines: String = answer.stdout.lines().map(|line| format!("  | {line}\n")).collect();
    format!("  exit {}\n{lines}", answer.status)
}
