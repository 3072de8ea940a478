//! What `-f json` prints against docs/output.schema.json: every line that a runtime case or a comparison expects.

mod json;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use json::Json;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn schema() -> Json {
    Json::parse(&fs::read_to_string(root().join("docs/output.schema.json")).unwrap()).unwrap()
}

/// Why a value does not fit; a word that this does not know is a mistake of the schema.
fn fits(whole: &Json, schema: &Json, value: &Json) -> Result<(), String> {
    for (word, wanted) in schema.members() {
        let good = match word.as_str() {
            "$schema" | "title" | "description" | "$defs" => true,
            "$ref" => {
                let name = wanted.text().unwrap().strip_prefix("#/$defs/").unwrap();
                fits(whole, whole.get("$defs").unwrap().get(name).unwrap(), value)?;
                true
            }
            "oneOf" => wanted.elements().iter().filter(|one| fits(whole, one, value).is_ok()).count() == 1,
            "const" => value == wanted,
            "enum" => wanted.elements().contains(value),
            "type" if wanted.text().is_some() => is(value, wanted.text().unwrap()),
            "type" => wanted.elements().iter().any(|one| is(value, one.text().unwrap())),
            "required" => wanted.elements().iter().all(|name| value.get(name.text().unwrap()).is_some()),
            "minProperties" => value.members().len() as f64 >= wanted.number().unwrap(),
            "maxProperties" => value.members().len() as f64 <= wanted.number().unwrap(),
            "items" => value.elements().iter().all(|item| fits(whole, wanted, item).is_ok()),
            "properties" => wanted
                .members()
                .iter()
                .all(|(name, one)| value.get(name).is_none_or(|member| fits(whole, one, member).is_ok())),
            "additionalProperties" => {
                let known = schema.get("properties");
                let more = value
                    .members()
                    .iter()
                    .filter(|(name, _)| known.is_none_or(|known| known.get(name).is_none()));
                more.map(|(_, member)| member)
                    .all(|member| *wanted != Json::Bool(false) && fits(whole, wanted, member).is_ok())
            }
            other => panic!("the schema says `{other}`"),
        };
        if !good {
            return Err(format!("`{word}` does not hold: {value:?}"));
        }
    }
    Ok(())
}

fn is(value: &Json, ty: &str) -> bool {
    match value {
        Json::Null => ty == "null",
        Json::Bool(_) => ty == "boolean",
        Json::Number(number) => ty == "integer" && number.fract() == 0.0,
        Json::Text(_) => ty == "string",
        Json::Array(_) => ty == "array",
        Json::Object(_) => ty == "object",
    }
}

/// Lines of JSON that tests expect.
fn expected_lines() -> Vec<String> {
    let mut lines = Vec::new();
    for (folder, doubled) in [("tests/runtime", true), ("tests/compare", false)] {
        for entry in fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if !path.extension().is_some_and(|end| end == "rt" || end == "cmp") {
                continue;
            }
            let text = fs::read_to_string(path).unwrap();
            let stripped = |line: &'_ str| line.trim().trim_start_matches("stdout: ").to_owned();
            let all = text.lines().map(stripped);
            if !doubled {
                lines.extend(all.filter(|line| line.starts_with("{\"type\": ")));
                continue;
            }
            for line in all.filter(|line| line.starts_with("{{\"type\": ")) {
                lines.extend(plain(&line));
            }
        }
    }
    lines
}

/// A line of a runtime case without its doubled braces; a 1 stands in for a place. None when that makes no JSON.
fn plain(line: &str) -> Option<String> {
    let (mut out, mut chars, mut places) = (String::new(), line.chars().peekable(), false);
    while let Some(next) = chars.next() {
        if !matches!(next, '{' | '}') || chars.next_if_eq(&next).is_some() {
            out.push(next);
            continue;
        }
        places = true;
        out.push('1');
        chars.by_ref().find(|end| *end == '}');
    }
    (!places || Json::parse(&out).is_ok()).then_some(out)
}

#[test]
fn lines_that_tests_expect_fit_the_schema() {
    let schema = schema();
    let mut kinds = BTreeSet::new();
    for line in expected_lines() {
        let value = Json::parse(&line).unwrap_or_else(|why| panic!("{line}: {why}"));
        fits(&schema, &schema, &value).unwrap_or_else(|why| panic!("{line}: {why}"));
        kinds.insert(value.get("type").and_then(Json::text).unwrap().to_owned());
    }
    let wanted = [
        "attached_probes",
        "cat",
        "errorf",
        "hist",
        "map",
        "printf",
        "stats",
        "syscall",
        "time",
        "tseries",
        "value",
        "warnf",
    ];
    for kind in wanted {
        assert!(kinds.contains(kind), "no test expects a line of the type {kind}; there are {kinds:?}");
    }
}

#[test]
fn other_lines_do_not_fit_the_schema() {
    let schema = schema();
    for line in [
        "{\"type\": \"printf\"}",
        "{\"type\": \"printf\", \"data\": 1}",
        "{\"type\": \"printed\", \"data\": \"x\"}",
        "{\"type\": \"value\", \"data\": null}",
        "{\"type\": \"map\", \"data\": {}}",
        "{\"type\": \"hist\", \"data\": {\"@\": [{\"min\": 1}]}}",
        "{\"type\": \"hist\", \"data\": {\"@\": 5}}",
        "{\"type\": \"errorf\", \"msg\": \"x\", \"filename\": \"stdin\", \"line\": 1}",
        "{\"type\": \"attached_probes\", \"count\": 1.5, \"data\": {\"probes\": 1}}",
    ] {
        let value = Json::parse(line).unwrap();
        assert!(fits(&schema, &schema, &value).is_err(), "{line}");
    }
}

/// The names of types that the program's source writes are those of the schema.
#[test]
fn the_schema_knows_every_type_of_line() {
    let source = fs::read_to_string(root().join("src/runtime/output/json.rs")).unwrap();
    let schema = fs::read_to_string(root().join("docs/output.schema.json")).unwrap();
    let written = ["map", "hist", "stats", "tseries", "time", "cat", "syscall", "join", "errorf", "warnf"];
    let direct = ["printf", "value", "attached_probes", "test_result", "benchmark_result"];
    for kind in written.into_iter().chain(direct) {
        assert!(source.contains(&format!("\"{kind}\"")), "{kind} is not written any more");
        assert!(schema.contains(&format!("\"{kind}\"")), "{kind} is not in the schema");
    }
}
