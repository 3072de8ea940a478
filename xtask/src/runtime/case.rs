//! The files of runtime cases.
//!
//! ```text
//! # a comment; settings of the guest come before the first case, each with its default here
//! smp: 2
//! mem: 1G
//! # a test target of the package (`test = false` in Cargo.toml), put into the guest's PATH under its name
//! program: kernel
//! # programs of xtask/guest to be probed, and the C library for them; or `tools`: bpftrace's own, and what they trace;
//! # or `objects`: compiled BPF code to import
//! build: probed
//! # a module of the kernel's to load first
//! module: overlay
//!
//! == the case's name
//! script: BEGIN { printf("%d\n", 1); exit(); }
//! args: -q
//! run: workload syscalls 100
//! needs: kprobe_multi
//! timeout: 60
//! status: 0
//! stdout:
//!   1
//! stderr: {any}
//! ```
//!
//! A field's value stands on its line or, indented by two spaces, on the lines after it. A case runs
//! `beetrace ARGS -c RUN -e SCRIPT`; a script of several lines comes as a file. `file: PATH` names a script of the
//! repository instead. `cmd: SHELL` replaces the whole command; it finds the script, if there is one, as `$SCRIPT`,
//! the kernel's name in the matrix as `$KERNEL`, and `beetrace` and `workload` in its PATH. What is not said about `stdout` and `stderr` means that they are empty.

use super::pattern::Block;
use crate::Res;
use crate::guest::qemu::Machine;
use std::time::Duration;

/// The cases of one file.
#[derive(Clone, Debug, Default)]
pub struct Suite {
    /// The file's name without its ending.
    pub name: String,
    /// The guest that they want.
    pub machine: Machine,
    /// Test targets of cargo that its cases run.
    pub programs: Vec<String>,
    /// Sets of programs that are built or fetched for its cases: `probed`, `tools`.
    pub builds: Vec<String>,
    /// Modules of the kernel that its cases look for.
    pub modules: Vec<String>,
    /// In the file's order.
    pub cases: Vec<Case>,
}

/// One case.
#[derive(Clone, Debug, Default)]
pub struct Case {
    /// Unique within its file.
    pub name: String,
    /// The text of a script.
    pub script: Option<String>,
    /// A script of the repository, by its path from the root.
    pub file: Option<String>,
    /// More arguments, as the shell takes them.
    pub args: String,
    /// The command that beetrace starts.
    pub run: Option<String>,
    /// A command for the shell in place of beetrace.
    pub cmd: Option<String>,
    /// Features of the kernel without which the case cannot run.
    pub needs: Vec<String>,
    /// Expected standard output.
    pub stdout: Block,
    /// Expected standard error.
    pub stderr: Block,
    /// Expected exit status.
    pub status: i32,
    /// Given to the case in the guest.
    pub timeout: Duration,
}

/// What a case gets when it does not say; guests are slow.
const TIMEOUT: Duration = Duration::from_secs(60);

impl Suite {
    /// Reads a file; `name` is for reports.
    pub fn parse(name: &str, text: &str) -> Res<Suite> {
        let mut suite = Suite { name: name.to_owned(), ..Suite::default() };
        let lines: Vec<&str> = text.lines().collect();
        let mut at = 0;
        while at < lines.len() {
            let (number, line) = (at + 1, lines[at]);
            at += 1;
            let placed = |error: String| format!("{name}.rt:{number}: {error}");
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(title) = line.strip_prefix("== ") {
                suite.begin(title).map_err(placed)?;
                continue;
            }
            let field = line.split_once(':').filter(|(key, _)| !key.contains(' '));
            let (key, value) = field.ok_or_else(|| placed(format!("not a field: `{line}`")))?;
            let value = match value.trim() {
                "" => block(&lines, &mut at),
                value => vec![value],
            };
            suite.set(key, &value).map_err(placed)?;
        }
        suite
            .cases
            .iter()
            .try_for_each(|case| case.check().map_err(|e| format!("{name}.rt: {}: {e}", case.name)))?;
        Ok(suite)
    }

    fn begin(&mut self, title: &str) -> Res<()> {
        let name = title.trim().to_owned();
        if self.cases.iter().any(|case| case.name == name) {
            return Err(format!("there is a case `{name}` already"));
        }
        self.cases.push(Case { name, timeout: TIMEOUT, ..Case::default() });
        Ok(())
    }

    fn set(&mut self, key: &str, value: &[&str]) -> Res<()> {
        let text = value.join("\n");
        let number = || text.parse::<u32>().map_err(|_| format!("{key}: `{text}` is not a number"));
        let Some(case) = self.cases.last_mut() else {
            match key {
                "smp" => self.machine.cpus = number()?,
                "mem" => self.machine.memory = text,
                "program" => self.programs.push(text),
                "build" => self.builds.push(text),
                "module" => self.modules.push(text),
                _ => return Err(format!("`{key}` before the first case")),
            }
            return Ok(());
        };
        match key {
            "script" => case.script = Some(text),
            "file" => case.file = Some(text),
            "args" => case.args = text,
            "run" => case.run = Some(text),
            "cmd" => case.cmd = Some(text),
            "needs" => case.needs = text.split_whitespace().map(str::to_owned).collect(),
            "stdout" => case.stdout = Block::parse(value)?,
            "stderr" => case.stderr = Block::parse(value)?,
            "status" => case.status = i32::try_from(number()?).map_err(|e| e.to_string())?,
            "timeout" => case.timeout = Duration::from_secs(number()?.into()),
            _ => return Err(format!("unknown field `{key}`")),
        }
        Ok(())
    }
}

/// The indented lines from `at` on, without their indentation; blank lines between them belong to them.
pub fn block<'a>(lines: &[&'a str], at: &mut usize) -> Vec<&'a str> {
    let start = *at;
    while lines.get(*at).is_some_and(|line| line.starts_with("  ") || line.trim().is_empty()) {
        *at += 1;
    }
    let found: Vec<&str> = lines[start..*at].iter().map(|line| line.get(2..).unwrap_or_default()).collect();
    let end = found.iter().rposition(|line| !line.trim().is_empty()).map_or(0, |last| last + 1);
    found[..end].to_vec()
}

impl Case {
    fn check(&self) -> Res<()> {
        let ways = [self.script.is_some(), self.file.is_some(), self.cmd.is_some()];
        match ways {
            [true, true, _] => Err("`script` and `file` exclude each other".into()),
            [false, false, false] => Err("there is nothing to run: give `script`, `file` or `cmd`".into()),
            _ if self.cmd.is_some() && (self.run.is_some() || !self.args.is_empty()) => {
                Err("`cmd` says all by itself: no `run`, no `args`".into())
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# a file
smp: 4
program: kernel

== first
script: BEGIN { exit(); }
run: workload syscalls 3
stdout:
  a

    indented
needs: one two

== second
script:
  BEGIN
  {
    exit();
  }
status: 1
timeout: 5
== third
cmd: exit 1
";

    #[test]
    fn files_are_read() {
        let suite = Suite::parse("x", TEXT).expect("well formed");
        assert_eq!((suite.machine.cpus, suite.cases.len()), (4, 3));
        assert_eq!(suite.programs, ["kernel"]);
        let [first, second, third] = &suite.cases[..] else { panic!("three cases") };
        assert_eq!(first.script.as_deref(), Some("BEGIN { exit(); }"));
        assert_eq!(first.needs, ["one", "two"]);
        assert_eq!(first.stdout, Block::parse(&["a", "", "  indented"]).expect("well formed"));
        assert_eq!(second.script.as_deref(), Some("BEGIN\n{\n  exit();\n}"));
        assert_eq!((second.status, second.timeout.as_secs()), (1, 5));
        assert_eq!(third.cmd.as_deref(), Some("exit 1"));
    }

    #[test]
    fn mistakes_are_told_with_their_line() {
        for (text, part) in [
            ("== a\nscript: x\n== a\n", "x.rt:3: there is a case"),
            ("script: x\n", "x.rt:1: `script` before"),
            ("== a\nscrpt: x\n", "x.rt:2: unknown field"),
            ("== a\nstatus: y\n", "x.rt:2: status: `y` is not"),
            ("== a\nstatus: 0\n", "nothing to run"),
            ("== a\ncmd: x\nrun: y\n", "all by itself"),
            ("== a\nbeetrace -e\n", "x.rt:2: not a field"),
        ] {
            let error = Suite::parse("x", text).expect_err(text);
            assert!(error.contains(part), "{error}");
        }
    }
}
