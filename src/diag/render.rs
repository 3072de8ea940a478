//! How diagnostics look. The only user of codespan-reporting.
//!
//! Deliberately absent: any decision about what is an error.

use codespan_reporting::diagnostic as cs;
use codespan_reporting::files::SimpleFiles;
use codespan_reporting::term;
use codespan_reporting::term::termcolor::{ColorChoice, NoColor, StandardStream, WriteColor};

use super::{Diagnostic, Label, Severity};
use crate::source::SourceMap;

/// Renders `diagnostics` as plain text.
pub fn to_string(sources: &SourceMap, diagnostics: &[Diagnostic]) -> String {
    let mut out = NoColor::new(Vec::new());
    // Writing into a vector cannot fail.
    let _ = write(sources, diagnostics, &mut out);
    String::from_utf8_lossy(&out.into_inner()).into_owned()
}

/// Writes `diagnostics` to `out`, coloured where `out` has colours.
///
/// # Errors
/// When `out` cannot be written.
pub fn write(
    sources: &SourceMap,
    diagnostics: &[Diagnostic],
    out: &mut dyn WriteColor,
) -> std::io::Result<()> {
    let mut files = SimpleFiles::new();
    for (_, file) in sources.files() {
        files.add(file.name.as_str(), file.text.as_str());
    }
    let config = term::Config::default();
    for diagnostic in diagnostics {
        let rendered = convert(diagnostic);
        term::emit_to_write_style(out, &config, &files, &rendered).map_err(std::io::Error::other)?;
    }
    Ok(())
}

/// Writes `diagnostics` to standard error, in colours when `colours` says so and the terminal has them. There is
/// nowhere to tell when that fails.
pub fn to_stderr(sources: &SourceMap, diagnostics: &[Diagnostic], colours: bool) {
    let choice = if colours { ColorChoice::Auto } else { ColorChoice::Never };
    let _ = write(sources, diagnostics, &mut StandardStream::stderr(choice));
}

fn convert(diagnostic: &Diagnostic) -> cs::Diagnostic<usize> {
    let severity = match diagnostic.severity {
        Severity::Error => cs::Severity::Error,
        Severity::Warning => cs::Severity::Warning,
        Severity::Note => cs::Severity::Note,
    };
    let mut notes: Vec<String> = diagnostic.notes.iter().map(|n| format!("note: {n}")).collect();
    notes.extend(diagnostic.help.iter().map(|h| format!("help: {h}")));
    cs::Diagnostic::new(severity)
        .with_code(diagnostic.code.id)
        .with_message(diagnostic.message.clone())
        .with_labels(diagnostic.labels.iter().map(label).collect())
        .with_notes(notes)
}

fn label(label: &Label) -> cs::Label<usize> {
    let file = label.span.file.0 as usize;
    let made = if label.primary {
        cs::Label::primary(file, label.span.range())
    } else {
        cs::Label::secondary(file, label.span.range())
    };
    made.with_message(label.text.clone())
}
