//! Where this machine's apt fetches Debian packages from: read from its own configuration, never assumed.

use super::apt;
use crate::Res;
use std::fs;
use std::path::Path;

/// One archive that the machine's apt knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The address as the configuration has it.
    pub uri: String,
    /// The suite, such as `bookworm` or `bookworm-security`.
    pub suite: String,
}

/// Every binary package source of this machine, in the configuration's order.
pub fn configured() -> Vec<Source> {
    let mut found = Vec::new();
    let mut paths = vec![Path::new("/etc/apt/sources.list").to_owned()];
    if let Ok(entries) = fs::read_dir("/etc/apt/sources.list.d") {
        let mut more: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        more.sort();
        paths.extend(more);
    }
    for path in paths {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        match path.extension().and_then(|end| end.to_str()) {
            Some("sources") => found.extend(parse_stanzas(&text)),
            Some("list") => found.extend(text.lines().filter_map(parse_line)),
            _ => {}
        }
    }
    found
}

/// Addresses that may hold `suite`, likely ones first: `DEBIAN_MIRROR` when set, the machine's own mirrors of Debian,
/// and, because old suites move there, the archive beside each of them.
pub fn mirrors(sources: &[Source], codename: &str) -> Res<Vec<String>> {
    let mut found: Vec<String> = std::env::var("DEBIAN_MIRROR").into_iter().collect();
    let main = sources.iter().filter(|source| serves_debian(source, codename));
    found.extend(main.map(|source| source.uri.trim_end_matches('/').to_owned()));
    let archives: Vec<String> = found
        .iter()
        .filter_map(|uri| Some(format!("{}/debian-archive/debian", uri.strip_suffix("/debian")?)))
        .collect();
    found.extend(archives);
    let mut seen = Vec::new();
    found.retain(|uri| {
        !seen.contains(uri) && {
            seen.push(uri.clone());
            true
        }
    });
    if found.is_empty() {
        return Err("no Debian mirror in this machine's apt sources; set DEBIAN_MIRROR to one".into());
    }
    Ok(found)
}

/// Tries `fetch` with one mirror after the other; `what` is for the message when none gives it.
pub fn first(what: &str, fetch: impl Fn(&str) -> Res<()>) -> Res<()> {
    let mut errors = Vec::new();
    for mirror in mirrors(&configured(), &apt::codename())? {
        match fetch(&mirror) {
            Ok(()) => return Ok(()),
            Err(error) => errors.push(error),
        }
    }
    Err(format!("no mirror gives {what}:\n{}", errors.join("\n")))
}

/// Whether the source is a full Debian archive: the release itself or its updates or backports, not security fixes.
fn serves_debian(source: &Source, codename: &str) -> bool {
    let suite = source.suite.strip_suffix("-updates").unwrap_or(&source.suite);
    let suite = suite.strip_suffix("-backports").unwrap_or(suite);
    (suite == codename
        || ["oldoldstable", "oldstable", "stable", "testing", "unstable", "sid"].contains(&suite))
        && !source.uri.starts_with("cdrom:")
}

/// A line of the one-line format: `deb [options] URI SUITE COMPONENT...`.
fn parse_line(line: &str) -> Option<Source> {
    let rest = line.trim().strip_prefix("deb ")?.trim_start();
    let rest = match rest.strip_prefix('[') {
        Some(options) => options.split_once(']')?.1,
        None => rest,
    };
    let mut words = rest.split_whitespace();
    Some(Source { uri: words.next()?.to_owned(), suite: words.next()?.to_owned() })
}

/// The stanzas of the deb822 format; a stanza may name several addresses and several suites.
fn parse_stanzas(text: &str) -> Vec<Source> {
    let mut found = Vec::new();
    let text: String =
        text.lines().filter(|line| !line.starts_with('#')).flat_map(|line| [line, "\n"]).collect();
    for stanza in text.split("\n\n") {
        let field = |name: &str| {
            let lines = stanza.lines().filter_map(|line| line.split_once(':'));
            let mut values =
                lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim());
            values.next().unwrap_or_default().to_owned()
        };
        if !field("Types").split_whitespace().any(|word| word == "deb") || field("Enabled") == "no" {
            continue;
        }
        for uri in field("URIs").split_whitespace() {
            for suite in field("Suites").split_whitespace() {
                found.push(Source { uri: uri.to_owned(), suite: suite.to_owned() });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(uri: &str, suite: &str) -> Source {
        Source { uri: uri.into(), suite: suite.into() }
    }

    #[test]
    fn both_formats_are_read() {
        let line = "deb [arch=amd64 signed-by=/k.gpg] http://mirror.test/debian bookworm main contrib";
        assert_eq!(parse_line(line), Some(source("http://mirror.test/debian", "bookworm")));
        assert_eq!(parse_line("# deb http://mirror.test/debian bookworm main"), None);
        assert_eq!(parse_line("deb-src http://mirror.test/debian bookworm main"), None);
        let stanzas = "Types: deb deb-src\n# a note\nURIs: http://mirror.test/debian\nSuites: bookworm bookworm-updates\n\n\
                       Types: deb-src\nURIs: http://mirror.test/other\nSuites: x\n";
        let expected =
            ["bookworm", "bookworm-updates"].map(|suite| source("http://mirror.test/debian", suite));
        assert_eq!(parse_stanzas(stanzas), expected);
    }

    #[test]
    fn only_full_archives_count_and_old_suites_are_looked_for_beside_them() {
        let sources = [
            source("http://vendor.test/apt", "nodistro"),
            source("http://mirror.test/debian/", "bookworm"),
            source("http://mirror.test/debian", "bookworm-updates"),
            source("http://mirror.test/debian-security", "bookworm-security"),
        ];
        let found = mirrors(&sources, "bookworm").expect("there is one");
        assert_eq!(found, ["http://mirror.test/debian", "http://mirror.test/debian-archive/debian"]);
        assert!(mirrors(&sources[..1], "bookworm").is_err());
    }
}
