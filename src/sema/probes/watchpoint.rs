//! `watchpoint:address:length:mode`: reads, writes and executions of some bytes of memory.
//!
//! With `-p` or `-c` the address is one of that process, else one of the kernel. What lengths and modes there are is
//! the processor's: those here are x86's, which cannot watch reads alone.

use super::interval::number;
use super::{Place, parts};
use crate::diag::{Diagnostic, codes};
use crate::sema::check::Checker;
use crate::sema::tree::Attach;
use crate::syntax::ast::{AttachPoint, Part};

const FORM: &str = "watchpoint:0x10000000:8:rw";

/// Letters and the kernel's bits (HW_BREAKPOINT_R, _W, _X).
const MODES: [(char, u8); 3] = [('r', 1), ('w', 2), ('x', 4)];

/// Addresses from here on are the kernel's.
const KERNEL: u64 = 1 << 63;

impl Checker<'_, '_> {
    pub(super) fn watchpoint(&mut self, point: &AttachPoint) -> Option<Vec<Place>> {
        let [at, bytes, how] = parts(point) else {
            let message = "a watchpoint has an address, a length and a mode";
            return self.malformed(point.span, message, "three parts expected", FORM);
        };
        let (address, length, mode) = (self.watched(at), self.watched_length(bytes), self.watched_mode(how));
        let (address, length, mode) = (address?, length?, mode?);
        if mode == 4 && length != 8 {
            let message = "a watchpoint on execution has the length 8";
            return self.malformed(bytes.span, message, "not 8", "watchpoint:0x400000:8:x");
        }
        if address % u64::from(length) != 0 && mode != 4 {
            let message = format!("the address is no multiple of {length}");
            return self.malformed(at.span, message, "not aligned", FORM);
        }
        if address < KERNEL && self.options.target().is_none() {
            let message = "an address of user space means nothing without a process";
            let error = Diagnostic::error(codes::BAD_ATTACH_POINT, message).at(at.span, "of which process?");
            self.report(error.help("name it by -p PID, or start it by -c COMMAND"));
            return None;
        }
        let name = format!("watchpoint:{}:{}:{}", at.text, bytes.text, how.text);
        Some(vec![Place::new(name, Attach::Watchpoint { address, length, mode }, point.span)])
    }

    fn watched(&mut self, part: &Part) -> Option<u64> {
        match number(&part.text) {
            Some(address @ 1..) => Some(address),
            _ => {
                let message = format!("`{}` is no address to watch", part.text);
                self.malformed(part.span, message, "a number other than 0 expected", FORM)
            }
        }
    }

    fn watched_length(&mut self, part: &Part) -> Option<u8> {
        match number(&part.text) {
            Some(length @ (1 | 2 | 4 | 8)) => Some(length as u8),
            _ => {
                let message = format!("a watchpoint cannot be {} bytes long", part.text);
                self.malformed(part.span, message, "1, 2, 4 or 8 expected", FORM)
            }
        }
    }

    fn watched_mode(&mut self, part: &Part) -> Option<u8> {
        let mut mode = 0;
        for letter in part.text.chars() {
            match MODES.iter().find(|(known, _)| *known == letter) {
                Some((_, bit)) if mode & bit == 0 => mode |= bit,
                _ => mode = u8::MAX,
            }
        }
        // reads alone cannot be told from writes, and executions are watched alone
        if matches!(mode, 2..=4) {
            return Some(mode);
        }
        let message = format!("`{}` is no mode of a watchpoint here", part.text);
        self.malformed(part.span, message, "w, rw or x expected", FORM)
    }
}
