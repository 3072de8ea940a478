//! The long story of each code: the rule, and a script that breaks it beside one that keeps it.
//!
//! Invariants: every code of [`super::codes`] has a text; a text with a wrong script has a right one too, and the tests
//! hold that the wrong one gets the code and the right one does not. Codes that only a machine can cause (missing
//! rights, a full disk) have no scripts.

use super::codes::{self, Code};

/// The text of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// Which.
    pub code: Code,
    /// The whole text, as `beetrace explain` prints it under the title.
    pub text: &'static str,
}

macro_rules! texts {
    ($($id:literal),* $(,)?) => {
        /// The text of each code, by its name.
        const TEXTS: &[(&str, &str)] = &[$(($id, include_str!(concat!($id, ".txt")))),*];
    };
}

texts! {
    "E0101", "E0102", "E0103", "E0104", "E0105", "E0110", "E0111", "E0112", "E0113", "E0114", "E0115", "E0201", "E0202", "E0203", "E0204", "E0205", "E0206", "E0207", "E0208", "E0209", "E0301",
    "E0302", "E0303", "E0304", "E0305", "E0306", "E0310", "E0311", "E0401", "E0402", "E0403", "E0404", "E0405", "E0406", "E0501", "E0502", "E0503",
    "E0504", "E0505", "E0601", "E0602", "E0603", "E0604", "E0605", "E0701", "E0702", "E0703", "E0704", "E0705", "E0801", "E0802",
    "E0803", "E0804", "E0805", "E0901", "E0999", "W0101", "W0102", "W0103", "W0201", "W0202", "W0203", "W0204", "W0205", "W0301", "W0302", "W0303", "W0304", "W0305", "W0306",
    "W0307", "W0308", "W0401", "W0501", "W0502", "W0503", "W0504", "W0901",
}

/// The explanation of a code, in either case.
pub fn find(id: &str) -> Option<Explanation> {
    let (known, text) = TEXTS.iter().find(|(known, _)| known.eq_ignore_ascii_case(id))?;
    let code = codes::ALL.iter().find(|code| code.id == *known)?;
    Some(Explanation { code: *code, text })
}

/// A heading and the text.
pub fn render(explanation: &Explanation) -> String {
    let Explanation { code, text } = explanation;
    format!("{}: {}\n\n{text}", code.id, code.title)
}

impl Explanation {
    /// The script that gets the code.
    pub fn wrong(&self) -> Option<String> {
        self.script("Wrong:")
    }

    /// The script that does not.
    pub fn right(&self) -> Option<String> {
        self.script("Right:")
    }

    /// The indented lines under a heading.
    fn script(&self, heading: &str) -> Option<String> {
        let mut lines = self.text.lines().skip_while(|line| *line != heading);
        lines.next()?;
        let script = lines.skip_while(|line| line.is_empty()).map_while(|line| line.strip_prefix("    "));
        Some(script.map(|line| format!("{line}\n")).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_explained_and_every_text_is_of_a_code() {
        for code in codes::ALL {
            assert!(find(code.id).is_some(), "{} ({}) has no src/diag/explain/{0}.txt", code.id, code.title);
        }
        for (id, _) in TEXTS {
            let found = find(id).unwrap_or_else(|| panic!("{id} is no code"));
            assert_eq!(found.wrong().is_some(), found.right().is_some(), "{id}");
            assert!(found.text.lines().all(|line| line.len() <= 120), "{id}: long lines");
        }
    }

    #[test]
    fn scripts_are_what_is_indented() {
        let found = find("e0306").unwrap();
        assert_eq!(found.wrong().unwrap(), "begin { print(5 / 0); }\n");
        assert!(render(&found).starts_with("E0306: division by zero\n\nThe script divides"));
        assert!(find("E0601").unwrap().wrong().is_none());
    }
}
