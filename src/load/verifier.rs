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
    /// The verifier's last words, its lines joined by semicolons; empty when there are none.
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
            found.text.clear();
        } else if line.starts_with("Verification failed:") {
            found.details.push(line.to_owned());
            found.details.extend(lines.by_ref().take_while(|l| !is_statistics(l)).map(str::to_owned));
        } else if !is_trace(line) {
            found.text += if found.text.is_empty() { "" } else { "; " };
            found.text += line.trim();
        }
    }
    found.details.retain(|line| !line.trim().is_empty());
    found.slot = found.slot.or_else(|| named(&found.text));
    found
}

/// The slot that a complaint about code that was never run through names itself: `unreachable insn 9`.
fn named(text: &str) -> Option<u32> {
    let number = text.split("insn ").nth(1)?.trim_start_matches('#');
    number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
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
    const HEADINGS: &[&str] = &[
        ";",
        "from ",
        "last_idx ",
        "parent ",
        "mark_precise",
        "func#",
        "Validating ",
        "regs=",
        "caller",
        "cur state:",
        "old state:",
        "frame",
    ];
    let line = line.trim();
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    // `R1_w=…`, `fp-8=…`, perhaps after the number of an instruction
    let state = |text: &str| {
        let name = text.split_once('=').map_or("", |(name, _)| name.split('_').next().unwrap_or(name));
        name.strip_prefix('R').is_some_and(digits) || name.starts_with("fp-")
    };
    let numbered = |text: &str| text.split_once(": ").is_some_and(|(n, rest)| digits(n) && state(rest));
    line.is_empty()
        || is_statistics(line)
        || HEADINGS.iter().any(|start| line.starts_with(start))
        || line.strip_prefix("frame").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        || state(line)
        || numbered(line)
        || line.ends_with(": safe")
}
