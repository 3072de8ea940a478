//! What `-- --help` prints: the parameters that a script asks for by name.

use crate::sema::expand::Parameter;

/// A line for each parameter, names in a column of their own.
pub fn text(parameters: &[Parameter]) -> String {
    if parameters.is_empty() {
        return "This script takes no named parameters.\n".to_owned();
    }
    let form = |p: &Parameter| match &p.default {
        Some(default) if default != "false" && default != "true" => format!("--{}=VALUE", p.name),
        _ => format!("--{}", p.name),
    };
    let width = parameters.iter().map(|p| form(p).len()).max().unwrap_or(0);
    let mut out = String::from("Parameters of this script, behind `--`:\n");
    for parameter in parameters {
        let default = parameter.default.as_ref().map(|text| format!("[default: {text}]"));
        let words: Vec<&str> = [Some(parameter.description.as_str()), default.as_deref()]
            .into_iter()
            .flatten()
            .filter(|word| !word.is_empty())
            .collect();
        let line = format!("  {:<width$}  {}", form(parameter), words.join(" "));
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_stand_in_columns() {
        let parameter = |name: &str, default: Option<&str>, about: &str| Parameter {
            name: name.into(),
            default: default.map(Into::into),
            description: about.into(),
        };
        let list = [parameter("pid", Some("0"), "process to trace"), parameter("all", None, "")];
        let expected = "Parameters of this script, behind `--`:\n  \
            --pid=VALUE  process to trace [default: 0]\n  --all\n";
        assert_eq!(text(&list), expected);
        assert_eq!(text(&[]), "This script takes no named parameters.\n");
    }
}
