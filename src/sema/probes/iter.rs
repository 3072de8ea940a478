//! `iter:object`, `iter:object:pin`: objects of the kernel, one after the other.
//!
//! The kernel has a function `bpf_iter_x` and a struct `bpf_iter__x` for every kind of object; BTF tells both.

use super::{Place, parts};
use crate::diag::{Diagnostic, codes, suggest};
use crate::host::{Btf, BtfKind, BtfType, TypeId};
use crate::sema::check::Checker;
use crate::sema::fields::{Field, Record, Shape};
use crate::sema::tree::Attach;
use crate::source::Span;
use crate::syntax::ast::AttachPoint;

/// What BTF puts before the name of an iterator's function, and of its struct.
const FUNCTION: &str = "bpf_iter_";
const STRUCT: &str = "bpf_iter__";

/// Names of the kernel's iterators, sorted.
pub(super) fn targets(btf: &dyn Btf) -> Vec<String> {
    let structs = btf.names(BtfKind::Struct).into_iter();
    let names = structs.filter_map(|name| name.strip_prefix(STRUCT).map(str::to_owned));
    let mut names: Vec<String> =
        names.filter(|name| btf.find(BtfKind::Func, &format!("{FUNCTION}{name}")).is_some()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The function of an iterator, whose parameters are what its struct has.
pub(in crate::sema) fn function(btf: &dyn Btf, target: &str) -> Option<TypeId> {
    btf.find(BtfKind::Func, &format!("{FUNCTION}{target}"))
}

/// The struct of an iterator.
pub(in crate::sema) fn context(btf: &dyn Btf, target: &str) -> Option<TypeId> {
    btf.find(BtfKind::Struct, &format!("{STRUCT}{target}"))
}

/// Bytes before a member of a struct, also of one in a union of it without a name.
pub(in crate::sema) fn member(btf: &dyn Btf, of: TypeId, name: &str) -> Option<u32> {
    let BtfType::Composite { members, .. } = btf.resolve(of).1 else { return None };
    members.iter().find_map(|member| match member.name.as_str() {
        own if own == name => Some(member.bit_offset / 8),
        "" => Some(member.bit_offset / 8 + self::member(btf, member.ty, name)?),
        _ => None,
    })
}

/// Bytes in the struct before the object, when the object is a pointer: 0 there tells the end of the objects.
pub(in crate::sema) fn object(btf: &dyn Btf, target: &str) -> Option<u32> {
    let BtfType::Composite { members, .. } = btf.get(context(btf, target)?) else { return None };
    let object = members.get(1)?;
    let inner = match btf.resolve(object.ty).1 {
        BtfType::Composite { union: true, members, .. } => btf.resolve(members.first()?.ty).1,
        other => other,
    };
    matches!(inner, BtfType::Pointer(_)).then_some(object.bit_offset / 8)
}

impl Checker<'_, '_> {
    pub(super) fn iter(&mut self, point: &AttachPoint) -> Option<Vec<Place>> {
        let (target, pin) = match parts(point) {
            [target] => (target, None),
            [target, pin] if !pin.text.is_empty() => (target, Some(pin.text.clone())),
            _ => {
                let message = "iter takes the kind of objects, perhaps with a file to pin it to";
                return self.malformed(point.span, message, "one or two parts expected", "iter:task");
            }
        };
        let btf = self.btf(point.span, "iter")?;
        let function = btf.find(BtfKind::Func, &format!("{FUNCTION}{}", target.text));
        if function.is_none() || context(btf, &target.text).is_none() {
            return self.report_iterator(btf, &target.text, target.span);
        }
        if pin.is_some() {
            let warning =
                Diagnostic::warning(codes::RISKY_PROBE, "what a pinned iterator prints is not seen");
            let warning = warning.at(point.span, "runs whenever the file is read, when nobody listens");
            self.report(warning.help("count in a map that is pinned too: `let @m = hash(1, pin=\"name\")`"));
        }
        let name = point.parts.iter().skip(1).fold("iter".to_owned(), |name, part| name + ":" + &part.text);
        let attach = Attach::Iter { target: target.text.clone(), pin };
        Some(vec![Place::new(name, attach, point.span)])
    }

    /// The whole context as its only field.
    pub(in crate::sema) fn iter_record(&mut self, span: Span, target: &str) -> Option<Record> {
        let btf = self.btf(span, "`ctx`")?;
        let shape = Shape::Typed(context(btf, target)?);
        Some(Record {
            fields: vec![Field {
                name: "ctx".into(),
                offset: 0,
                size: 0,
                signed: false,
                shape,
                on_stack: false,
            }],
        })
    }

    fn report_iterator(&mut self, btf: &dyn Btf, target: &str, span: Span) -> Option<Vec<Place>> {
        let all = targets(btf);
        let message = format!("this kernel has no iterator over `{target}`");
        let error = Diagnostic::error(codes::NO_SUCH_TARGET, message).at(span, "no such iterator");
        self.report(match suggest::nearest(target, all.iter().map(String::as_str)) {
            Some(near) => error.help(format!("did you mean `iter:{near}`?")),
            None => error.note(format!("its iterators: {}", all.join(", "))),
        });
        None
    }
}
