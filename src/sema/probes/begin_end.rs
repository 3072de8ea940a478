//! `begin` and `end`: once, before and after all else.

use super::{Place, parts};
use crate::sema::check::Checker;
use crate::sema::tree::{Attach, ProbeKind};
use crate::syntax::ast::AttachPoint;

impl Checker<'_, '_> {
    pub(super) fn begin_end(&mut self, kind: ProbeKind, point: &AttachPoint) -> Option<Vec<Place>> {
        let (name, target) = match kind {
            ProbeKind::Begin => ("begin", Attach::Begin),
            _ => ("end", Attach::End),
        };
        match parts(point) {
            [] => {}
            [all] if all.text == "*" => {}
            [first, ..] => {
                let message = format!("{name} has no parts");
                return self.malformed(first.span, message, "one part too many", name);
            }
        }
        Some(vec![Place::new(name, target, point.span)])
    }
}
