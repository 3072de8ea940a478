//! The verifier's log of a refused program: the complaint in it, and the script's line it is about.
//!
//! A log is a trace: instructions (`12: (79) r1 = *(u64 *)(r0 +0)`) with register states and source lines
//! (`; text @ file:line`), then a line of complaint, then statistics. From 7.3 on a structured part follows the
//! complaint (`Verification failed: …`, `Reason: …`). Instruction numbers are slots of our own code, so the place
//! comes from our own line records, on every kernel alike.
//!
//! Deliberately absent: explaining the complaint.

use crate::object::artifact::Line;

/// What a log says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Complaint {
    /// The verifier's last words; empty when there are none.
    pub text: String,
    /// The slot that it was at.
    pub slot: Option<u32>,
    /// What newer kernels add: reason, causal path, suggestion. Line by line.
    pub details: Vec<String>,
}

impl Complaint {
    /// What [`Complaint::details`] say under a heading such as `Reason:`, in one line.
    pub fn section(&self, heading: &str) -> Option<String> {
        let mut lines = self.details.iter().skip_while(|line| *line != heading);
        lines.next()?;
        let words: Vec<&str> =
            lines.take_while(|line| line.starts_with(' ')).map(|line| line.trim()).collect();
        (!words.is_empty()).then(|| words.join(" "))
    }
}

/// Reads a log.
pub fn complaint(log: &str) -> Complaint {
    let mut found = Complaint::default();
    let mut lines = log.lines().map(str::trim_end).peekable();
    while let Some(line) = lines.next() {
        if let Some(slot) = instruction(line) {
            found.slot = Some(slot);
        } else if line.starts_with("Verification failed:") {
            found.details.push(line.to_owned());
            found.details.extend(lines.by_ref().take_while(|l| !is_statistics(l)).map(str::to_owned));
        } else if !is_trace(line) {
            found.text = line.to_owned();
        }
    }
    found.details.retain(|line| !line.trim().is_empty());
    found
}

/// The line record that covers `slot`.
pub fn line_at(lines: &[Line], slot: u32) -> Option<&Line> {
    lines.iter().take_while(|line| line.slot <= slot).last()
}

/// True when the kernel does not let programs read its memory, as under lockdown.
pub(super) fn lacks_kernel_reads(log: &str) -> bool {
    let complaint = complaint(log).text;
    complaint.contains("probe_read_kernel")
        && ["unknown func", "cannot use helper", "not allowed"].iter().any(|part| complaint.contains(part))
}

/// The slot of a line like `12: (79) …`.
fn instruction(line: &str) -> Option<u32> {
    let (number, rest) = line.split_once(": (")?;
    let opcode = rest.split_once(')')?.0;
    (opcode.len() == 2 && opcode.bytes().all(|b| b.is_ascii_hexdigit())).then(|| number.parse().ok())?
}

fn is_statistics(line: &str) -> bool {
    ["processed ", "verification time ", "stack depth "].iter().any(|start| line.starts_with(start))
}

/// Everything that is not a complaint: states, source lines, headings, statistics.
fn is_trace(line: &str) -> bool {
    let state = |text: &str| {
        text.split_once('=').is_some_and(|(name, _)| {
            let register =
                name.strip_prefix('R').unwrap_or(name).trim_end_matches("_w").trim_end_matches("_rw");
            register.bytes().all(|b| b.is_ascii_digit()) || name.starts_with("fp-")
        })
    };
    let numbered = |text: &str| {
        text.split_once(": ").is_some_and(|(n, rest)| n.bytes().all(|b| b.is_ascii_digit()) && state(rest))
    };
    let headings = [
        ";",
        "from ",
        "last_idx ",
        "parent ",
        "mark_precise",
        "func#",
        "Validating ",
        "regs=",
        "caller",
        "frame",
    ];
    line.trim().is_empty()
        || is_statistics(line)
        || headings.iter().any(|start| line.starts_with(start))
        || state(line)
        || numbered(line)
        || line.contains(": safe")
        || line.starts_with("The sequence of calls") // a heading before the complaint's details
}
