//! What stands beside probes: C, settings, imports, macros, functions, declarations of maps.
//!
//! C is kept as text. Deliberately absent: the order that bpftrace asks of these items; any order parses.

use super::build::{Builder, Pair, only};
use super::grammar::Rule;
use super::literal;
use crate::diag::{Diagnostic, codes};
use crate::source::Span;
use crate::syntax::ast::{
    CItem, CItemKind, DeclArg, ExprKind, Function, Import, Macro, MacroParam, MapDecl, ParamKind, Script,
    Setting, SettingValue,
};

impl Builder {
    /// Adds what rule `item` consists of to `script`; pairs that are none of its items are passed over.
    pub(super) fn item(&self, pair: Pair, script: &mut Script) {
        match pair.as_rule() {
            Rule::c_directive => script.c_items.push(self.c_item(pair, CItemKind::Directive)),
            Rule::c_definition => script.c_items.push(self.c_item(pair, CItemKind::Definition)),
            Rule::config => {
                let settings = pair.into_inner().filter(|p| p.as_rule() == Rule::setting);
                script.config.extend(settings.map(|p| self.setting(p)));
            }
            Rule::import => script.imports.push(self.import(pair)),
            Rule::macro_def => script.macros.push(self.macro_def(pair)),
            Rule::function => script.functions.push(self.function(pair)),
            Rule::map_decl => script.map_decls.push(self.map_decl(pair)),
            Rule::probe => script.probes.push(self.probe(pair)),
            _ => {}
        }
    }

    fn c_item(&self, pair: Pair, kind: CItemKind) -> CItem {
        let text = pair.as_str().trim_end();
        let start = pair.as_span().start();
        CItem { span: self.at(start, start + text.len()), text: text.to_owned(), kind }
    }

    fn setting(&self, pair: Pair) -> Setting {
        let mut parts = pair.into_inner();
        let mut next = || parts.next().expect("a setting has a key and a value");
        let (key, value) = (next(), next());
        let (key_span, value_span) = (self.span(&key), self.span(&value));
        let parsed = match (value.as_rule(), value.as_str()) {
            (Rule::string, _) => SettingValue::Str(self.string_bytes(&value)),
            (Rule::number, text) => SettingValue::Int(literal::integer(text).map_or_else(
                |wrong| {
                    self.bad_literal(&value, wrong);
                    0
                },
                |(number, _)| number,
            )),
            (_, word @ ("true" | "false")) => SettingValue::Bool(word == "true"),
            (_, word) => SettingValue::Word(word.to_owned()),
        };
        let span = key_span.to(value_span);
        Setting { span, key: key.as_str().to_owned(), key_span, value: parsed, value_span }
    }

    pub(super) fn import(&self, pair: Pair) -> Import {
        let mut parts = pair.into_inner();
        let keyword = parts.next().map_or(Span::default(), |p| self.span(&p));
        let path = parts.next().expect("an import has a path");
        let path_span = self.span(&path);
        let text = match path.as_rule() {
            Rule::string => {
                let bytes = self.string_bytes(&path);
                String::from_utf8(bytes).unwrap_or_else(|_| {
                    let error = Diagnostic::error(codes::BAD_LITERAL, "a path that is no UTF-8 text");
                    self.report(error.at(path_span, "cannot be a path here"));
                    String::new()
                })
            }
            _ => {
                let error = Diagnostic::error(codes::SYNTAX, "a path to import stands in quotes");
                self.report(
                    error.at(path_span, "expected a string").help(format!("import \"{}\";", path.as_str())),
                );
                path.as_str().to_owned()
            }
        };
        Import { span: keyword.to(path_span), path: text, path_span }
    }

    fn macro_def(&self, pair: Pair) -> Macro {
        let mut span = self.span(&pair);
        let (mut name, mut name_span) = (String::new(), span);
        let (mut params, mut body, mut value) = (Vec::new(), Default::default(), None);
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::ident => (name, name_span) = (part.as_str().to_owned(), self.span(&part)),
                Rule::macro_param => params.push(self.macro_param(only(part))),
                Rule::block => {
                    span = span.to(self.span(&part));
                    (body, value) = self.value_block(part);
                }
                _ => {}
            }
        }
        Macro { span, name, name_span, params, body, value: value.map(Box::new) }
    }

    fn macro_param(&self, pair: Pair) -> MacroParam {
        let kind = match pair.as_rule() {
            Rule::variable => ParamKind::Variable,
            Rule::map_name => ParamKind::Map,
            _ => ParamKind::Expr,
        };
        MacroParam {
            span: self.span(&pair),
            name: pair.as_str().trim_start_matches(['$', '@']).to_owned(),
            kind,
        }
    }

    fn function(&self, pair: Pair) -> Function {
        let span = self.span(&pair);
        let (mut name, mut name_span) = (String::new(), span);
        let (mut params, mut result, mut body) = (Vec::new(), None, Default::default());
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::ident => (name, name_span) = (part.as_str().to_owned(), self.span(&part)),
                Rule::fn_param => {
                    let mut parts = part.into_inner();
                    let mut next = || parts.next().expect("a parameter has a name and a type");
                    let (variable, ty) = (next(), next());
                    params.push((
                        variable.as_str()[1..].to_owned(),
                        self.span(&variable),
                        self.type_name(ty),
                    ));
                }
                Rule::type_name => result = Some(self.type_name(part)),
                Rule::block => body = self.block(part),
                _ => {}
            }
        }
        let result = result.expect("a function has a type");
        Function { span, name, name_span, params, result, body }
    }

    fn map_decl(&self, pair: Pair) -> MapDecl {
        let span = self.span(&pair);
        let mut parts = pair.into_inner().filter(|p| p.as_rule() != Rule::kw_let);
        let mut next = || parts.next().expect("a declaration has a map and a kind");
        let (map, kind) = (next(), next());
        MapDecl {
            span,
            name: map.as_str()[1..].to_owned(),
            name_span: self.span(&map),
            kind: kind.as_str().to_owned(),
            kind_span: self.span(&kind),
            args: parts.map(|p| self.decl_arg(p)).collect(),
        }
    }

    fn decl_arg(&self, pair: Pair) -> DeclArg {
        let mut parts = pair.into_inner();
        let first = parts.next().expect("an argument has a value");
        match parts.next() {
            Some(value) => {
                let name = Some((first.as_str().to_owned(), self.span(&first)));
                DeclArg { name, value: self.expr(value).expr }
            }
            None => DeclArg { name: None, value: self.expr(first).expr },
        }
    }

    /// The bytes of rule `string`.
    pub(super) fn string_bytes(&self, pair: &Pair) -> Vec<u8> {
        match self.string(pair) {
            ExprKind::Str(bytes) => bytes,
            _ => Vec::new(),
        }
    }
}
