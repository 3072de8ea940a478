//! The files of `tests/compare`: scripts and what the reference prints for them.
//!
//! ```text
//! # a comment
//! == the case's name
//! script: begin { printf("%d\n", 1); }
//! args: --no-warnings
//! params: 42 -- --name=value
//! run: cat /proc/version
//! env: BPFTRACE_MAX_STRLEN=16
//! timeout: 60
//! status: 0
//! stdout:
//!   1
//! differs: why beetrace's output or status is better than the reference's
//! ours-status: 0
//! ours:
//!   what beetrace prints instead
//! ```
//!
//! A field's value stands on its line or, indented by two spaces, on the lines after it. A case runs
//! `ENV TRACER -q ARGS -c RUN -e SCRIPT PARAMS`; a script of several lines comes as a file. `cmd: SHELL` replaces the
//! whole command: it finds the script as `$SCRIPT` and the tracer as `$TRACER`. `status` and `stdout` are what the
//! reference did: `cargo xtask compare --record` writes them. Beetrace must do the same, or what `ours` and
//! `ours-status` say in a case that `differs`. Error messages are not compared, only that there is an error.

use crate::Res;
use crate::runtime::case::block;
use crate::runtime::guest_run::quoted;
use std::time::Duration;

/// What a tracer did with a script.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Exit status; 0 or not is what counts.
    pub status: i32,
    /// Standard output without the line breaks at its end.
    pub stdout: String,
}

/// One script.
#[derive(Clone, Debug, Default)]
pub struct Case {
    /// Unique within its file.
    pub name: String,
    script: String,
    args: String,
    params: String,
    run: String,
    env: String,
    cmd: String,
    /// Given to each tracer in the guest.
    pub timeout: Duration,
    /// What the reference did when it was recorded.
    pub reference: Answer,
    /// Why beetrace does otherwise, and what.
    pub differs: Option<(String, Answer)>,
}

/// What a case gets when it does not say; guests are slow, and the reference starts slowly.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Reads a file; `name` is for messages.
pub fn parse(name: &str, text: &str) -> Res<Vec<Case>> {
    let lines: Vec<&str> = text.lines().collect();
    let mut cases: Vec<Case> = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let (number, line) = (at + 1, lines[at]);
        at += 1;
        let placed = |error: &str| format!("{name}.cmp:{number}: {error}");
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(title) = line.strip_prefix("== ") {
            let name = title.trim().to_owned();
            if cases.iter().any(|case| case.name == name) {
                return Err(placed(&format!("there is a case `{name}` already")));
            }
            cases.push(Case { name, timeout: TIMEOUT, ..Case::default() });
            continue;
        }
        let (key, value) = line.split_once(':').ok_or_else(|| placed("not a field"))?;
        let value = match value.trim() {
            "" => block(&lines, &mut at).join("\n"),
            value => value.to_owned(),
        };
        let case = cases.last_mut().ok_or_else(|| placed("a field before the first case"))?;
        case.set(key, value).map_err(|error| placed(&error))?;
    }
    cases.iter().try_for_each(|case| case.check().map_err(|e| format!("{name}.cmp: {}: {e}", case.name)))?;
    Ok(cases)
}

impl Case {
    fn set(&mut self, key: &str, value: String) -> Res<()> {
        let number = || value.parse::<i32>().map_err(|_| format!("{key}: `{value}` is not a number"));
        let ours = self.differs.as_mut().map(|differs| &mut differs.1);
        match key {
            "script" => self.script = value,
            "args" => self.args = value,
            "params" => self.params = value,
            "run" => self.run = value,
            "env" => self.env = value,
            "cmd" => self.cmd = value,
            "timeout" => self.timeout = Duration::from_secs(number()?.unsigned_abs().into()),
            "status" => self.reference.status = number()?,
            "stdout" => self.reference.stdout = value,
            "differs" => self.differs = Some((value, self.reference.clone())),
            "ours" => ours.ok_or("`ours` before `differs`")?.stdout = value,
            "ours-status" => ours.ok_or("`ours-status` before `differs`")?.status = number()?,
            _ => return Err(format!("unknown field `{key}`")),
        }
        Ok(())
    }

    fn check(&self) -> Res<()> {
        match (self.script.is_empty(), self.cmd.is_empty()) {
            (true, true) => Err("there is nothing to run: give `script` or `cmd`".into()),
            (_, false) if !(self.args.is_empty() && self.params.is_empty() && self.run.is_empty()) => {
                Err("`cmd` says all by itself: no `args`, no `params`, no `run`".into())
            }
            _ if self.differs.as_ref().is_some_and(|(_, ours)| *ours == self.reference) => {
                Err("it `differs`, yet `ours` is what the reference prints".into())
            }
            _ => Ok(()),
        }
    }

    /// What beetrace has to do.
    pub fn expected(&self) -> &Answer {
        self.differs.as_ref().map_or(&self.reference, |(_, ours)| ours)
    }

    /// The files beside the command: its script.
    pub fn files(&self) -> Vec<(String, Vec<u8>)> {
        vec![("script.bt".to_owned(), format!("{}\n", self.script).into_bytes())]
    }

    /// The shell text that runs the case with `tracer`, a command.
    pub fn command(&self, tracer: &str) -> String {
        let mut text = format!("export SCRIPT=\"${{0%/*}}/script.bt\"\nTRACER='{tracer}'\n");
        if !self.cmd.is_empty() {
            return text + &self.cmd + "\n";
        }
        text += &format!("exec env {} $TRACER -q {}", self.env, self.args);
        if !self.run.is_empty() {
            text += &format!(" -c {}", quoted(&self.run));
        }
        let script = if self.script.contains('\n') {
            "\"$SCRIPT\"".into()
        } else {
            format!("-e {}", quoted(&self.script))
        };
        text + &format!(" {script} {}\n", self.params)
    }
}

/// The file's text with the answers of the reference in it, in the order of its cases; None keeps what there was.
pub fn recorded(text: &str, answers: &[Option<Answer>]) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let mut out: Vec<String> = Vec::new();
    let (mut at, mut next) = (0, 0_usize);
    while at < lines.len() {
        let line = lines[at];
        at += 1;
        let answer = || answers.get(next.wrapping_sub(1)).and_then(Option::as_ref);
        let is = |key: &str| line.strip_prefix(key).is_some_and(|rest| rest.starts_with(':'));
        if line.starts_with("== ") {
            next += 1;
            out.push(line.to_owned());
            continue;
        }
        let command = ["script", "cmd", "args", "params", "run", "env", "timeout"].iter().any(|key| is(key));
        if answer().is_some() && (is("status") || is("stdout")) {
            value(&lines, &mut at, line);
            continue;
        }
        out.push(line.to_owned());
        if command {
            out.extend(value(&lines, &mut at, line));
            let more = lines[at..].iter().find(|line| !line.trim().is_empty() && !line.starts_with('#'));
            let last = more.is_none_or(|line| {
                ["status:", "stdout:", "differs:", "== "].iter().any(|key| line.starts_with(key))
            });
            if last && let Some(answer) = answer() {
                out.extend(fields(answer));
            }
        }
    }
    out.join("\n") + "\n"
}

/// The lines of a field's value below its first line.
fn value(lines: &[&str], at: &mut usize, line: &str) -> Vec<String> {
    if !line.trim_end().ends_with(':') || line.split_once(':').is_none_or(|(_, rest)| !rest.trim().is_empty())
    {
        return Vec::new();
    }
    let start = *at;
    let found = block(lines, at);
    // blank lines after the block stay with what follows
    *at = start + found.len();
    lines[start..*at].iter().map(|line| (*line).to_owned()).collect()
}

fn fields(answer: &Answer) -> Vec<String> {
    let mut out = Vec::new();
    if answer.status != 0 {
        out.push(format!("status: {}", answer.status));
    }
    let plain = !answer.stdout.contains('\n') && answer.stdout.trim() == answer.stdout;
    match answer.stdout.as_str() {
        "" => {}
        text if plain => out.push(format!("stdout: {text}")),
        text => {
            out.push("stdout:".to_owned());
            out.extend(
                text.lines().map(|line| if line.is_empty() { String::new() } else { format!("  {line}") }),
            );
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# a file

== first
script: begin { print(1); }
stdout: 2

== second
script:
  begin {
    print(1);

  }
params: 42
stdout:
  a

  b

differs: it is better
ours: c
== third
cmd: $TRACER -e x
";

    fn answer(status: i32, stdout: &str) -> Option<Answer> {
        Some(Answer { status, stdout: stdout.into() })
    }

    #[test]
    fn files_are_read() {
        let cases = parse("x", TEXT).expect("well formed");
        let [first, second, third] = &cases[..] else { panic!("three cases") };
        assert_eq!(first.expected().stdout, "2");
        assert_eq!(second.reference.stdout, "a\n\nb");
        assert_eq!(second.expected().stdout, "c");
        assert!(first.command("beetrace").ends_with("exec env  $TRACER -q  -e 'begin { print(1); }' \n"));
        assert!(second.command("beetrace").ends_with("exec env  $TRACER -q  \"$SCRIPT\" 42\n"));
        assert!(
            third.command("chroot /ref bpftrace").ends_with("TRACER='chroot /ref bpftrace'\n$TRACER -e x\n")
        );
    }

    #[test]
    fn answers_are_written_where_the_commands_end() {
        let text = recorded(TEXT, &[answer(1, ""), None, answer(0, "x\n\ny")]);
        let changed = TEXT
            .replace("stdout: 2", "status: 1")
            .replace("$TRACER -e x\n", "$TRACER -e x\nstdout:\n  x\n\n  y\n");
        assert_eq!(text, changed);
        let second = recorded(&text, &[None, answer(0, "z"), None]);
        assert!(second.contains("params: 42\nstdout: z\n\ndiffers: it is better"), "{second}");
    }

    #[test]
    fn mistakes_are_told_with_their_line() {
        for (text, part) in [
            ("== a\nscript: x\n== a\n", "x.cmp:3: there is a case"),
            ("script: x\n", "x.cmp:1: a field before"),
            ("== a\nscrpt: x\n", "x.cmp:2: unknown field"),
            ("== a\nstatus: 0\n", "nothing to run"),
            ("== a\ncmd: x\nrun: y\n", "all by itself"),
            ("== a\nscript: x\nours: y\n", "`ours` before `differs`"),
            ("== a\nscript: x\ndiffers: y\n", "is what the reference prints"),
        ] {
            let error = parse("x", text).expect_err(text);
            assert!(error.contains(part), "{error}");
        }
    }
}
