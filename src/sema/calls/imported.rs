//! Calls of functions that imported objects offer.
//!
//! Arguments are checked against the prototype that the object's types give. An integer goes where an integer is
//! wanted, with a warning where its value may change; a pointer where one to the same type is wanted, or to void.

use crate::diag::{Diagnostic, codes};
use crate::host::TypeId;
use crate::syntax::ast;

use super::super::check::Checker;
use super::super::imports::Import;
use super::super::signatures;
use super::super::tree::{ExprKind, Function, Imported, StmtKind};
use super::super::ty::Ty;
use super::super::types::Space;
use super::super::value::Val;
use super::Call;

/// Bytes of stack that a function may need: some are left for the program.
const MOST_STACK: u32 = 384;

impl Checker<'_, '_> {
    /// A call of a function of an object as an expression.
    pub(super) fn imported(&mut self, call: Call) -> Option<Val> {
        let val = self.imported_call(call)?;
        if val.ty == Ty::Void {
            let message = format!("{}() gives no value", call.name);
            return self.error(codes::BAD_CONTEXT, call.span, message, "used as a value");
        }
        Some(val)
    }

    /// A call of a function of an object as a statement; None when it is of none.
    pub(in super::super) fn imported_statement(&mut self, expr: &ast::Expr) -> Option<Option<StmtKind>> {
        let call = Call::of(expr)?;
        if !self.is_imported(call.name) {
            return None;
        }
        let call = self.imported_call(call);
        if call.as_ref().is_some_and(|val| val.ty != Ty::Void) {
            let warning = Diagnostic::warning(codes::UNUSED_VALUE, "this value is not used");
            self.report(warning.at(expr.span, "dropped").help("say that you mean it: `_ = …`"));
        }
        Some(call.map(|val| match val.ty {
            Ty::Void => StmtKind::Expr(Val { ty: Ty::I64, ..val }.into_expr()),
            _ => StmtKind::Expr(val.into_expr()),
        }))
    }

    /// True for a function of an object that none of the language hides.
    pub(super) fn is_imported(&self, name: &str) -> bool {
        signatures::find(name).is_none() && self.imports.offers(name)
    }

    fn imported_call(&mut self, call: Call) -> Option<Val> {
        let imports = self.imports;
        let import = imports.find(call.name)?;
        let ret = self.type_of_import(import.ret);
        let params: Vec<Ty> = import.params.iter().map(|(_, ty)| self.type_of_import(*ty)).collect();
        if params.len() != call.args.len() {
            let count = match params.len() {
                0 => "no arguments".to_owned(),
                1 => "one argument".to_owned(),
                count => format!("{count} arguments"),
            };
            let error = Diagnostic::error(codes::ARITY, format!("{}() takes {count}", call.name));
            let error = error.at(call.span, format!("{} given", call.args.len()));
            self.report(self.with_prototype(error, call, import, &ret, &params));
            return None;
        }
        let values: Vec<Option<Val>> = call.args.iter().map(|arg| self.value(arg)).collect();
        let mut args = Vec::with_capacity(values.len());
        for (at, value) in values.into_iter().enumerate() {
            args.push(value.and_then(|value| self.import_argument(call, import, (&ret, &params), at, value)));
        }
        let args: Vec<_> = args.into_iter().collect::<Option<_>>()?;
        if !returnable(&ret) {
            let message = format!("{}() cannot be called from a script", call.name);
            let error = Diagnostic::error(codes::BAD_CONTEXT, message);
            let error = error.at(call.name_span, format!("gives {}", self.name(&ret)));
            self.report(self.with_prototype(error, call, import, &ret, &params));
            return None;
        }
        if import.stack > MOST_STACK {
            let message = format!("{}() needs {} bytes of stack", call.name, import.stack);
            let error = Diagnostic::error(codes::TOO_LARGE, message).at(call.span, "too many");
            let note = format!(
                "the kernel has 512 for a program and all that it calls: {MOST_STACK} at most are left for one of {}",
                import.object
            );
            self.report(error.note(note));
            return None;
        }
        let number = self.number_of_import(call.name, import);
        let args = args.into_iter().map(Val::into_expr).collect();
        let kind = ExprKind::Call { function: Function::Imported(number), args };
        Some(Val::new(ret, call.span, kind))
    }

    /// A type of a prototype; pointers lead to the kernel's memory.
    fn type_of_import(&mut self, id: TypeId) -> Ty {
        let Ok(btf) = self.host.btf() else { return Ty::Void };
        self.types.of(btf, id).in_space(Some(Space::Kernel))
    }

    fn number_of_import(&mut self, name: &str, import: &Import) -> u32 {
        let known = self.called.iter().position(|known| known.name == name);
        known.unwrap_or_else(|| {
            let (name, shape, stack) = (name.to_owned(), import.shape.clone(), import.stack);
            self.called.push(Imported { name, shape, stack });
            self.called.len() - 1
        }) as u32
    }

    fn import_argument(
        &mut self,
        call: Call,
        import: &Import,
        (ret, params): (&Ty, &[Ty]),
        at: usize,
        value: Val,
    ) -> Option<Val> {
        let wanted = &params[at];
        if value.ty.is_int() && wanted.is_int() {
            return self.import_integer(call, import, (ret, params), at, value);
        }
        let fits = match (&value.ty, wanted) {
            (Ty::Bool, Ty::Bool) => true,
            (Ty::Pointer { to: given, .. }, Ty::Pointer { to, .. }) => {
                **to == Ty::Void || **given == Ty::Void || given.same(to)
            }
            _ => false,
        };
        if fits {
            return Some(Val { ty: wanted.clone().in_space(value.ty.space()), ..value });
        }
        self.wrong_import_argument(call, import, (ret, params), at, &value);
        None
    }

    /// An integer as one of the parameter's type.
    fn import_integer(
        &mut self,
        call: Call,
        import: &Import,
        (ret, params): (&Ty, &[Ty]),
        at: usize,
        value: Val,
    ) -> Option<Val> {
        let wanted = &params[at];
        match value.as_integer().zip(wanted.as_int()) {
            Some((number, int)) => {
                let bits = u32::from(int.size) * 8;
                let (least, most) = match int.signed {
                    true => (-(1_i128 << (bits - 1)), (1_i128 << (bits - 1)) - 1),
                    false => (0, (1_i128 << bits) - 1),
                };
                if !(least..=most).contains(&number) {
                    self.wrong_import_argument(call, import, (ret, params), at, &value);
                    return None;
                }
            }
            None if !value.ty.same(wanted) && !value.ty.fits(wanted) => {
                let (from, to) = (self.name(&value.ty), self.name(wanted));
                let message = format!("{from} is passed as {to}");
                let warning = Diagnostic::warning(codes::SIGN_MISMATCH, message);
                let warning = warning.at(value.span, "its value may not be the same");
                self.report(warning.help(format!("say that you mean it: `({to})`")));
            }
            None => {}
        }
        Some(value.cast(wanted.clone()))
    }

    fn wrong_import_argument(
        &mut self,
        call: Call,
        import: &Import,
        (ret, params): (&Ty, &[Ty]),
        at: usize,
        value: &Val,
    ) {
        let (wanted, found) = (&params[at], self.name(&value.ty));
        let name = &import.params[at].0;
        let parameter = if name.is_empty() { String::new() } else { format!(" for `{name}`") };
        let message = format!("{}() takes {}{parameter}", call.name, self.name(wanted));
        let error =
            Diagnostic::error(codes::BAD_ARGUMENT, message).at(value.span, format!("this is {found}"));
        let mut error = self.with_prototype(error, call, import, ret, params);
        let scalar = |ty: &Ty| ty.is_int() || ty.is_pointer() || *ty == Ty::Bool;
        if scalar(wanted) && scalar(&value.ty) {
            error = error.help(format!("cast it: `({})`", self.name(wanted)));
        } else if wanted.is_pointer() && matches!(value.ty, Ty::Str { .. }) {
            error = error.help(format!("pass the address of a variable: `({})&$x`", self.name(wanted)));
        }
        self.report(error);
    }

    /// Says how the object declares the function.
    fn with_prototype(
        &self,
        error: Diagnostic,
        call: Call,
        import: &Import,
        ret: &Ty,
        params: &[Ty],
    ) -> Diagnostic {
        let param = |(ty, (name, _)): (&Ty, &(String, TypeId))| match name.is_empty() {
            true => self.name(ty),
            false => format!("{} {name}", self.name(ty)),
        };
        let list: Vec<String> = params.iter().zip(&import.params).map(param).collect();
        let text = format!("{} {}({})", self.name(ret), call.name, list.join(", "));
        error.note(format!("{} declares it as `{text}`", import.object))
    }
}

/// What fits a register, or nothing.
fn returnable(ty: &Ty) -> bool {
    ty.is_int() || ty.is_pointer() || matches!(ty, Ty::Void | Ty::Bool)
}
