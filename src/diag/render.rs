//! How diagnostics look. The only user of codespan-reporting.
//!
//! Deliberately absent: any decision about what is an error.

use codespan_reporting::diagnostic as cs;
use codespan_reporting::files::SimpleFiles;
use codespan_reporting::term;
use codespan_reporting::term::termcolor::{ColorChoice, NoColor, StandardStream, WriteColor};

use super::{Diagnostic, Label, Severity};
use crate::source::{SourceMap, Span};

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
        let rendered = convert(sources, diagnostic);
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

fn convert(sources: &SourceMap, diagnostic: &Diagnostic) -> cs::Diagnostic<usize> {
    let severity = match diagnostic.severity {
        Severity::Error => cs::Severity::Error,
        Severity::Warning => cs::Severity::Warning,
        Severity::Note => cs::Severity::Note,
    };
    let mut notes: Vec<String> = diagnostic.notes.iter().map(|n| format!("note: {n}")).collect();
    notes.extend(diagnostic.help.iter().map(|h| format!("help: {h}")));
    let mut labels: Vec<cs::Label<usize>> =
        diagnostic.labels.iter().map(|l| label(l, sources.resolve(l.span))).collect();
    let mut shown: Vec<Span> = Vec::new();
    for made in diagnostic.labels.iter().filter_map(|l| sources.macro_at(l.span)) {
        if made.span.is_synthetic() {
            notes.push(format!("note: `{}` is a built-in macro", made.name));
        } else if !shown.contains(&made.span) {
            shown.push(made.span);
            let note = Label { span: made.span, text: "expanded from this macro".into(), primary: false };
            labels.push(label(&note, made.span));
        }
    }
    cs::Diagnostic::new(severity)
        .with_code(diagnostic.code.id)
        .with_message(diagnostic.message.clone())
        .with_labels(labels)
        .with_notes(notes)
}

fn label(label: &Label, span: Span) -> cs::Label<usize> {
    let file = span.file.0 as usize;
    let made = if label.primary {
        cs::Label::primary(file, span.range())
    } else {
        cs::Label::secondary(file, span.range())
    };
    made.with_message(label.text.clone())
}
