//! Types as written, and the C spellings brought into one form.

use pest::Parser as _;

use super::build::{Builder, Pair};
use super::grammar::{Grammar, Rule};
use super::literal;
use crate::diag::{Diagnostic, codes};
use crate::syntax::ast::{TypeBase, TypeName, TypeSuffix};

impl Builder {
    /// Rules `type_name`, `plain_type`, `typeof_name` and `named_type`.
    pub(super) fn type_name(&self, pair: Pair) -> TypeName {
        let mut parts = pair.into_inner();
        let first = parts.next().expect("a type has a base");
        let mut span = self.span(&first);
        let base = match first.as_rule() {
            Rule::typeof_head => self.typeof_head(first),
            Rule::tagged => {
                let mut words = first.into_inner();
                let (tag, name) = (words.next(), words.next());
                let name = name.expect("a tagged type has a name");
                span = span.to(self.span(&name));
                let text = name.as_str().to_owned();
                match tag.map_or("", |t| t.as_str()) {
                    "union" => TypeBase::Union(text),
                    "enum" => TypeBase::Enum(text),
                    _ => TypeBase::Struct(text),
                }
            }
            Rule::c_words => {
                let words: Vec<Pair> = first.into_inner().collect();
                span = words.last().map_or(span, |last| self.span(&words[0]).to(self.span(last)));
                let texts: Vec<&str> = words.iter().map(|w| w.as_str()).collect();
                TypeBase::Named(c_integer(&texts).unwrap_or_else(|| {
                    let error = Diagnostic::error(codes::SYNTAX, "these words make no type");
                    self.report(error.at(span, "not a type of C"));
                    texts.join(" ")
                }))
            }
            _ => {
                let text = first.as_str();
                TypeBase::Named(c_integer(&[text]).unwrap_or_else(|| text.to_owned()))
            }
        };
        let mut suffixes = Vec::new();
        for suffix in parts {
            span = span.to(self.span(&suffix));
            suffixes.push(self.type_suffix(suffix));
        }
        TypeName { span, base, suffixes }
    }

    fn type_suffix(&self, pair: Pair) -> TypeSuffix {
        if pair.as_str().starts_with('*') {
            return TypeSuffix::Pointer;
        }
        let Some(number) = pair.into_inner().next() else {
            return TypeSuffix::Array(None);
        };
        let length = literal::integer(number.as_str()).map_err(|wrong| self.bad_literal(&number, wrong));
        TypeSuffix::Array(length.ok().map(|(value, _)| value))
    }
}

/// True if `name` alone is a type wherever a type or a value may stand.
pub(in crate::syntax) fn is_type_word(name: &str) -> bool {
    Grammar::parse(Rule::type_word, name)
        .is_ok_and(|mut pairs| pairs.next().is_some_and(|p| p.as_str() == name))
}

/// The one spelling of a C integer type, `None` if the words are not one.
fn c_integer(words: &[&str]) -> Option<String> {
    let count = |word: &str| words.iter().filter(|w| **w == word).count();
    let (signed, unsigned) = (count("signed"), count("unsigned"));
    let (char, short, int, long) = (count("char"), count("short"), count("int"), count("long"));
    let known = signed + unsigned + char + short + int + long == words.len() && !words.is_empty();
    if !known || signed + unsigned > 1 || int > 1 || char + short > 1 || long > 2 {
        return None;
    }
    let width = match (char, short, long) {
        (1, 0, 0) if int == 0 => "char",
        (0, 1, 0) => "short",
        (0, 0, 0) => "int",
        (0, 0, 1) => "long",
        (0, 0, 2) => "long long",
        _ => return None,
    };
    Some(match (unsigned, signed) {
        (1, _) => format!("unsigned {width}"),
        (_, 1) if width == "char" => "signed char".to_owned(),
        _ => width.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::c_integer;

    #[test]
    fn c_integers_have_one_spelling() {
        let spell = |text: &str| c_integer(&text.split(' ').collect::<Vec<_>>());
        for (written, meant) in [
            ("unsigned", "unsigned int"),
            ("signed", "int"),
            ("long unsigned int", "unsigned long"),
            ("long int long", "long long"),
            ("short int", "short"),
            ("signed char", "signed char"),
            ("char", "char"),
        ] {
            assert_eq!(spell(written).as_deref(), Some(meant), "{written}");
        }
        for wrong in ["long char", "short long", "int int", "signed unsigned", "long long long", "uint8"] {
            assert_eq!(spell(wrong), None, "{wrong}");
        }
    }
}
