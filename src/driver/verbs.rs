//! Commands of our own, told apart from scripts by their first word; a file of that name wins.

use std::process::ExitCode;

use crate::diag::{codes, explain, suggest};
use crate::sema::reference;

/// Runs the command that `words` (the arguments without the program's name) begin with; None when they are no command.
pub fn run(words: &[String]) -> Option<ExitCode> {
    let (verb, rest) = words.split_first()?;
    if verb != "explain" || std::path::Path::new(verb).exists() {
        return None;
    }
    Some(match rest {
        [] => {
            print!("{}", all_codes());
            ExitCode::SUCCESS
        }
        [id] => explain_one(id),
        _ => usage("one code at a time"),
    })
}

fn explain_one(id: &str) -> ExitCode {
    match explain::find(id) {
        Some(found) => {
            print!("{}", explain::render(&found));
            ExitCode::SUCCESS
        }
        None if !id.starts_with(['E', 'W']) => explain_name(id),
        None => {
            let near = suggest::nearest(id, codes::ALL.iter().map(|code| code.id));
            let near = near.map(|near| format!(", did you mean {near}?")).unwrap_or_default();
            usage(&format!("there is no code {id}{near}"))
        }
    }
}

/// A value or function of the language.
fn explain_name(name: &str) -> ExitCode {
    match reference::explain(name) {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(why) => usage(&why),
    }
}

fn usage(message: &str) -> ExitCode {
    eprintln!("error: {message}\nusage: beetrace explain [CODE or NAME]");
    ExitCode::from(2)
}

/// Every code with its title, a line each.
fn all_codes() -> String {
    codes::ALL.iter().map(|code| format!("{}  {}\n", code.id, code.title)).collect()
}
