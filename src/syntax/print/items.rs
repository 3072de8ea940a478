//! What stands beside probes as text.

use super::Printer;
use super::expr::{expr, string, type_name};
use crate::syntax::ast::{Function, Macro, MapDecl, ParamKind, Script, Setting, SettingValue, StatementKind};

impl Printer {
    /// All of `script` but its probes, in the order that the language asks for.
    pub(super) fn items(&mut self, script: &Script) {
        for item in &script.c_items {
            self.out.push_str(&item.text);
            self.out.push('\n');
        }
        self.apart();
        if !script.config.is_empty() {
            self.out.push_str("config = {\n");
            script.config.iter().for_each(|s| self.setting(s));
            self.out.push_str("}\n");
        }
        for import in &script.imports {
            self.out.push_str(&format!("import {};\n", text(import.path.as_bytes())));
        }
        self.apart();
        script.map_decls.iter().for_each(|d| self.map_decl(d));
        self.apart();
        for definition in &script.macros {
            self.macro_def(definition);
            self.apart();
        }
        for function in &script.functions {
            self.function(function);
            self.apart();
        }
    }

    /// An empty line behind what has been printed.
    fn apart(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }

    fn setting(&mut self, setting: &Setting) {
        let value = match &setting.value {
            SettingValue::Int(value) => value.to_string(),
            SettingValue::Bool(value) => value.to_string(),
            SettingValue::Str(bytes) => text(bytes),
            SettingValue::Word(word) => word.clone(),
        };
        self.out.push_str(&format!("  {} = {value};\n", setting.key));
    }

    fn map_decl(&mut self, decl: &MapDecl) {
        let args = decl.args.iter().map(|arg| match &arg.name {
            Some((name, _)) => format!("{name}={}", expr(&arg.value)),
            None => expr(&arg.value),
        });
        let args: Vec<String> = args.collect();
        self.out.push_str(&format!("let @{} = {}({});\n", decl.name, decl.kind, args.join(", ")));
    }

    fn macro_def(&mut self, definition: &Macro) {
        let params = definition.params.iter().map(|param| match param.kind {
            ParamKind::Variable => format!("${}", param.name),
            ParamKind::Map => format!("@{}", param.name),
            ParamKind::Expr => param.name.clone(),
        });
        let params: Vec<String> = params.collect();
        self.out.push_str(&format!("macro {}({}) ", definition.name, params.join(", ")));
        let last = definition.body.statements.last().map(|s| &s.kind);
        let valued = matches!(last, Some(StatementKind::If { .. } | StatementKind::Block(_)));
        self.closed = valued && definition.value.is_none();
        self.value_block(&definition.body, definition.value.as_deref());
        self.closed = false;
        self.out.push('\n');
    }

    fn function(&mut self, function: &Function) {
        let params = function.params.iter().map(|(name, _, ty)| format!("${name} : {}", type_name(ty)));
        let params: Vec<String> = params.collect();
        let result = type_name(&function.result);
        self.out.push_str(&format!("fn {}({}) : {result} ", function.name, params.join(", ")));
        self.block(&function.body);
        self.out.push('\n');
    }
}

fn text(bytes: &[u8]) -> String {
    let mut out = String::new();
    string(&mut out, bytes);
    out
}
