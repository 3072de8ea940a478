//! A tracer under measurement: how it is called, and what the kernel says of its programs.

use crate::sh;
use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, fs};

/// A command that traces.
pub struct Tracer {
    /// As it is named in messages.
    pub name: &'static str,
    /// The command's words.
    words: Vec<String>,
    /// A folder that the command sees as `/`, when it runs in a changed root.
    root: Option<String>,
}

/// Run statistics of a tracer's programs, summed.
#[derive(Clone, Copy, Debug, Default)]
pub struct RunStats {
    /// Nanoseconds in programs.
    pub time: u64,
    /// Runs.
    pub count: u64,
}

impl Tracer {
    /// The tracer of this repository.
    pub fn beetrace(binary: &Path) -> Tracer {
        Tracer { name: "beetrace", words: vec![binary.display().to_string()], root: None }
    }

    /// A reference: the words in the variable, else the program on PATH; None when it does not start.
    pub fn reference(variable: &str, name: &'static str) -> Option<Tracer> {
        let command = env::var(variable).unwrap_or_else(|_| name.to_string());
        let words: Vec<String> = command.split_whitespace().map(str::to_string).collect();
        let root = (words.len() > 2 && words[0].ends_with("chroot")).then(|| words[1].clone());
        let tracer = Tracer { name, words, root };
        let version = if name == "ply" { "-v" } else { "-V" };
        sh::succeeds(tracer.command().arg(version)).then_some(tracer)
    }

    /// The command, its output thrown away.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.words[0]);
        command.args(&self.words[1..]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // Its own library paths would differ in a changed root.
        command.env("LC_ALL", "C");
        command
    }

    /// Bytes of the program and of every library that it needs.
    pub fn installed_size(&self) -> Option<u64> {
        let program = self.words.last()?;
        let root = self.root.clone().unwrap_or_default();
        let found = if program.starts_with('/') { program.clone() } else { which(&root, program)? };
        let mut ldd = Command::new(if self.root.is_some() { "chroot" } else { "ldd" });
        if self.root.is_some() {
            ldd.args([root.as_str(), "ldd"]);
        }
        let libraries = sh::output(ldd.arg(&found)).unwrap_or_default();
        let mut files: Vec<String> =
            libraries.split_whitespace().filter(|w| w.starts_with('/')).map(str::to_string).collect();
        files.push(found);
        files.sort();
        files.dedup();
        let size = |file: &String| fs::metadata(format!("{root}{file}")).map_or(0, |meta| meta.len());
        Some(files.iter().map(size).sum())
    }
}

fn which(root: &str, program: &str) -> Option<String> {
    let path = env::var("PATH").unwrap_or_default() + ":/usr/sbin:/usr/bin:/sbin:/bin";
    path.split(':')
        .map(|dir| format!("{dir}/{program}"))
        .find(|file| Path::new(&format!("{root}{file}")).exists())
}

/// Statistics of the programs that a process holds, as its descriptors tell.
pub fn run_stats(pid: u32) -> RunStats {
    let mut seen = Vec::new();
    let mut sum = RunStats::default();
    for entry in fs::read_dir(format!("/proc/{pid}/fdinfo")).into_iter().flatten().flatten() {
        let text = fs::read_to_string(entry.path()).unwrap_or_default();
        let field = |name: &str| -> Option<u64> {
            text.lines().find_map(|line| line.strip_prefix(name))?.trim().parse().ok()
        };
        let (Some(id), Some(time), Some(count)) =
            (field("prog_id:"), field("run_time_ns:"), field("run_cnt:"))
        else {
            continue;
        };
        if !seen.contains(&id) {
            seen.push(id);
            sum = RunStats { time: sum.time + time, count: sum.count + count };
        }
    }
    sum
}
