//! `tracepoint:category:event`, with wildcards in both.

use super::wildcard::{is_pattern, matches};
use super::{Place, parts};
use crate::diag::suggest;
use crate::host::{Host, HostError};
use crate::sema::check::Checker;
use crate::sema::fields::Record;
use crate::sema::tree::Attach;
use crate::source::Span;
use crate::syntax::ast::AttachPoint;

/// All of them, for listings.
pub(super) fn entries(host: &dyn Host) -> Result<Vec<String>, HostError> {
    Ok(host.tracepoints()?.iter().map(|(category, event)| format!("{category}:{event}")).collect())
}

impl Checker<'_, '_> {
    pub(super) fn tracepoint(&mut self, point: &AttachPoint) -> Option<Vec<Place>> {
        let (category, event) = match parts(point) {
            [event] if is_pattern(&event.text) => ("*", event.text.as_str()),
            [category, event] if !category.text.is_empty() && !event.text.is_empty() => {
                (category.text.as_str(), event.text.as_str())
            }
            _ => return self.report_parts(point),
        };
        if !is_pattern(category) && !is_pattern(event) {
            // Its own file tells at less cost than the list of all. What may not be read is tried all the same.
            return match self.host.tracepoint_format(category, event) {
                Err(HostError::Missing(_)) => self.report_missing(point.span, category, event),
                _ => Some(vec![place(category.to_string(), event.to_string(), point.span)]),
            };
        }
        let found: Vec<(String, String)> = match self.host.tracepoints() {
            Ok(all) => {
                let wanted = |(c, e): &&(String, String)| matches(category, c) && matches(event, e);
                all.iter().filter(wanted).cloned().collect()
            }
            Err(error) => return self.host_error(point.span, "tracepoints", &error),
        };
        if found.is_empty() {
            return self.report_missing(point.span, category, event);
        }
        Some(found.into_iter().map(|(category, event)| place(category, event, point.span)).collect())
    }

    fn report_parts(&mut self, point: &AttachPoint) -> Option<Vec<Place>> {
        let form = match parts(point) {
            [only] => self.category_of(&only.text).unwrap_or_else(|| "tracepoint:category:event".into()),
            _ => "tracepoint:category:event".into(),
        };
        self.malformed(point.span, "a tracepoint has a category and an event", "two parts expected", &form)
    }

    /// The full name of the one tracepoint of that event.
    fn category_of(&self, event: &str) -> Option<String> {
        let all = self.host.tracepoints().ok()?;
        let (category, event) = all.iter().find(|(_, e)| e == event)?;
        Some(format!("tracepoint:{category}:{event}"))
    }

    fn report_missing(&mut self, span: Span, category: &str, event: &str) -> Option<Vec<Place>> {
        let message = format!("no tracepoint {category}:{event}");
        if is_pattern(category) || is_pattern(event) {
            return self.no_such(span, format!("no tracepoint is like {category}:{event}"), None);
        }
        let all = match self.host.tracepoints() {
            Ok(all) => all,
            Err(error) => return self.host_error(span, "tracepoints", &error),
        };
        let events = all.iter().filter(|(c, _)| c == category).map(|(_, e)| e.as_str());
        let near = match suggest::nearest(event, events) {
            Some(near) => Some(format!("tracepoint:{category}:{near}")),
            None => {
                let categories = all.iter().filter(|(_, e)| e == event).map(|(c, _)| c.as_str());
                let nearest = suggest::nearest(category, categories.clone());
                nearest.or(categories.clone().next()).map(|c| format!("tracepoint:{c}:{event}"))
            }
        };
        self.no_such(span, message, near.map(|name| format!("did you mean `{name}`?")))
    }

    /// Fields of a tracepoint; None when its format file cannot be read, which is reported.
    pub(in crate::sema) fn record(&mut self, span: Span, category: &str, event: &str) -> Option<Record> {
        match self.host.tracepoint_format(category, event) {
            Ok(text) => Some(Record::parse(&text)),
            Err(error) => {
                let what = format!("the fields of tracepoint:{category}:{event}");
                self.host_error(span, &what, &error)
            }
        }
    }
}

fn place(category: String, event: String, span: Span) -> Place {
    let name = format!("tracepoint:{category}:{event}");
    Place::new(name, Attach::Tracepoint { category, event }, span)
}
