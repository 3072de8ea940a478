//! The features that a case may need, and how a guest is asked for them: `tests/runtime/features`.
//!
//! A line is `NAME KERNEL: COMMAND`: the command succeeds in a guest that has the feature, and every kernel of the
//! matrix from KERNEL on must have it; `-` stands for none. Without a command, `beetrace --info` must say yes. So a probe that wrongly says no cannot hide a case where
//! it matters.

use crate::Res;
use crate::guest::kernel::{Kernel, MATRIX};
use std::collections::BTreeMap;

/// What the agent's output is when a needed feature is missing.
const MARK: &str = "%%missing ";

/// Every known feature by name.
#[derive(Clone, Debug, Default)]
pub struct Features(BTreeMap<String, Feature>);

#[derive(Clone, Debug)]
struct Feature {
    since: Option<Kernel>,
    probe: String,
}

impl Features {
    /// Reads the file's text.
    pub fn parse(text: &str) -> Res<Features> {
        let mut features = BTreeMap::new();
        for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
            let bad = || format!("features: not `NAME KERNEL: COMMAND`: {line}");
            let (head, probe) = line.split_once(": ").unwrap_or((line, ""));
            let (name, kernel) = head.split_once(' ').ok_or_else(bad)?;
            let probe = match probe {
                "" => asking(name),
                probe => probe.to_owned(),
            };
            let since = match kernel.trim() {
                "-" => None,
                kernel => Some(*MATRIX.iter().find(|known| known.name == kernel).ok_or_else(bad)?),
            };
            features.insert(name.to_owned(), Feature { since, probe });
        }
        Ok(Features(features))
    }

    /// Fails when a name is not known.
    pub fn check(&self, needs: &[String]) -> Res<()> {
        match needs.iter().find(|name| !self.0.contains_key(*name)) {
            Some(name) => Err(format!("unknown feature `{name}`; tests/runtime/features lists them")),
            None => Ok(()),
        }
    }

    /// Shell text that ends the script with a mark if one of the features is missing. Each is probed once a boot.
    pub fn guard(&self, needs: &[String]) -> String {
        let mut text = String::new();
        for name in needs {
            let probe = &self.0[name].probe;
            text += &format!(
                "mkdir -p /tmp/features; f=/tmp/features/{name}\n\
                 [ -e $f ] || {{ ( {probe} ) >/dev/null 2>&1; echo $? > $f; }}\n\
                 [ $(cat $f) = 0 ] || {{ echo '{MARK}{name}'; exit 0; }}\n"
            );
        }
        text
    }

    /// The missing feature that a case's output tells of, if it does.
    pub fn missing(output: &str) -> Option<&str> {
        output.strip_prefix(MARK).map(str::trim_end)
    }

    /// Names of the features that beetrace itself probes and the kernel must have.
    pub fn of(&self, kernel: &Kernel) -> Vec<&str> {
        let own = self.0.iter().filter(|(name, feature)| feature.probe == asking(name));
        own.map(|(name, _)| name.as_str()).filter(|name| self.expected(name, kernel)).collect()
    }

    /// Whether the kernel must have the feature.
    pub fn expected(&self, name: &str, kernel: &Kernel) -> bool {
        let since = self.0.get(name).and_then(|feature| feature.since);
        since.is_some_and(|since| kernel.rank() >= since.rank())
    }
}

/// The command that asks beetrace for the feature.
fn asking(name: &str) -> String {
    format!("beetrace --info | grep -qx '{name}: yes'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_expected_from_their_kernel_on() {
        let features = Features::parse("# note\na 6.1: test -e /x: y\nn -\n").expect("well formed");
        let on = |name| features.expected("a", &Kernel::select(name).expect("a kernel")[0]);
        assert!(!features.expected("n", &MATRIX[3]));
        assert!(!on("5.10") && on("6.1") && on("7.3"));
        assert!(features.check(&["b".into()]).is_err());
        assert!(features.guard(&["a".into()]).contains("( test -e /x: y )"));
        assert!(features.guard(&["n".into()]).contains("'n: yes'"));
        assert_eq!(Features::missing("%%missing a\n"), Some("a"));
        assert_eq!(Features::missing("a\n"), None);
    }
}
