//! `cargo xtask vm`: one command in a guest, with its output and exit status here.

use crate::guest::image::{Input, Step};
use crate::guest::kernel::Kernel;
use crate::guest::qemu::{self, Ending, Machine};
use crate::guest::wire::{Frame, Status};
use crate::{Res, product, setup};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

const USAGE: &str = "usage: cargo xtask vm --kernel 5.10|6.1|6.12|7.3|all [--smp N] [--mem M] [--timeout S]
       [--in PATH]... [--module NAME]... [--append KERNEL_PARAMETER]... [--beetrace] -- CMD...
CMD is given to sh, as root, in the guest's /in, which holds every PATH. --beetrace builds beetrace and the test
program `workload` and puts them into the guest's PATH.";

/// What killed commands exit with, as timeout(1) has it.
const LATE: u8 = 124;

/// What the command line asks for.
struct Request {
    kernels: Vec<Kernel>,
    machine: Machine,
    input: Input,
    timeout: Duration,
    command: String,
}

/// The task's entry.
pub fn task(args: &[String]) -> Res<u8> {
    let request = parse(args)?;
    setup::ensure(&request.kernels)?;
    qemu::catch_interrupts();
    let step = Step { script: request.command, timeout: request.timeout, live: true, files: Vec::new() };
    let mut worst = 0;
    for kernel in &request.kernels {
        if request.kernels.len() > 1 {
            println!("== {}", kernel.name);
        }
        let status = run(kernel, &request.machine, &request.input, &step)?;
        worst = if worst == 0 { status } else { worst };
    }
    Ok(worst)
}

/// Runs one step in one guest, its output passed on as it comes, and gives its exit status as a shell would.
pub fn run(kernel: &Kernel, machine: &Machine, input: &Input, step: &Step) -> Res<u8> {
    let mut status = None;
    let (ending, console) = qemu::boot(kernel, machine, input, &[(0, step)], &mut |frame| match frame {
        Frame::Out(_, data) => pass(&mut std::io::stdout(), &data),
        Frame::Err(_, data) => pass(&mut std::io::stderr(), &data),
        Frame::End(_, end) => status = Some(end),
        _ => {}
    })?;
    let told = match (ending, status) {
        (_, Some(Status::Exit(code))) => return Ok(u8::try_from(code).unwrap_or(u8::MAX)),
        (_, Some(Status::Signal(signal))) => return Ok(u8::try_from(128 + signal).unwrap_or(u8::MAX)),
        (Ending::Interrupted, _) => return Ok(130),
        (_, Some(Status::TimedOut)) => {
            (LATE, format!("the command was killed after {} s", step.timeout.as_secs()))
        }
        (Ending::Hung, None) => (LATE, "the guest did not answer in time and was killed".to_owned()),
        (_, None) => (1, "the guest ended before the command did".to_owned()),
    };
    eprintln!("xtask: kernel {}: {}; the console's end:\n{}", kernel.name, told.1, tail(&console));
    Ok(told.0)
}

/// The last lines of a console.
pub fn tail(console: &str) -> String {
    let lines: Vec<&str> = console.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}

fn pass(to: &mut impl Write, data: &[u8]) {
    // a closed pipe on our side must not end the guest before its status is known
    let _ = to.write_all(data).and_then(|()| to.flush());
}

fn with_beetrace(mut input: Input) -> Res<Input> {
    input.program("beetrace", product::beetrace()?);
    input.program("workload", product::workload()?);
    Ok(input)
}

fn parse(args: &[String]) -> Res<Request> {
    let mut request = Request {
        kernels: Vec::new(),
        machine: Machine::default(),
        input: Input::default(),
        timeout: Duration::from_secs(300),
        command: String::new(),
    };
    let mut words = args.iter();
    while let Some(word) = words.next() {
        if word == "--" {
            request.command = words.by_ref().cloned().collect::<Vec<_>>().join(" ");
            break;
        }
        if word == "--beetrace" {
            request.input = with_beetrace(request.input)?;
            continue;
        }
        let value = words.next().ok_or_else(|| format!("{word} needs a value\n{USAGE}"))?;
        let number = || value.parse::<u32>().map_err(|_| format!("{word}: `{value}` is not a number"));
        match word.as_str() {
            "--kernel" => request.kernels = Kernel::select(value)?,
            "--smp" => request.machine.cpus = number()?,
            "--mem" => request.machine.memory = value.clone(),
            "--append" => request.machine.append += &format!("{value} "),
            "--timeout" => request.timeout = Duration::from_secs(number()?.into()),
            "--module" => request.input.modules.push(value.clone()),
            "--in" => request.input.input(Path::new(value))?,
            _ => return Err(format!("unknown argument {word}\n{USAGE}")),
        }
    }
    if request.kernels.is_empty() || request.command.is_empty() {
        return Err(USAGE.to_owned());
    }
    Ok(request)
}
