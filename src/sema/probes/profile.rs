//! `profile`: samples on every CPU, written as `interval` is.

use super::Place;
use super::interval::Rate;
use crate::sema::check::Checker;
use crate::sema::tree::Attach;
use crate::syntax::ast::AttachPoint;

impl Checker<'_, '_> {
    pub(super) fn profile(&mut self, point: &AttachPoint) -> Option<Vec<Place>> {
        let (rate, name) = self.rate("profile", point)?;
        let target = match rate {
            Rate::Every(period) => Attach::Profile { period: Some(period), frequency: None },
            Rate::Hertz(frequency) => Attach::Profile { period: None, frequency: Some(frequency) },
        };
        Some(vec![Place::new(name, target, point.span)])
    }
}
