//! `config`: the settings of the run as a record of constants, in the order in which the reference has them.

use std::sync::Arc;

use crate::config::{Config, Unstable};
use crate::source::Span;

use super::super::check::Checker;
use super::super::constant::Const;
use super::super::tree::ExprKind;
use super::super::ty::Ty;
use super::super::value::Val;

/// What `on_stack_limit` is called when the compiler chooses.
const STACK_LIMIT: u32 = 32;

impl Checker<'_, '_> {
    pub(super) fn settings(&self, span: Span) -> Val {
        let rows = rows(&self.options.settings);
        let names: Arc<[Arc<str>]> = rows.iter().map(|(name, _)| Arc::from(*name)).collect();
        let items: Vec<Val> = rows.into_iter().map(|(_, value)| Val::constant(value, span)).collect();
        let ty = Ty::Record { names, items: items.iter().map(|item| item.ty.clone()).collect() };
        Val::new(ty, span, ExprKind::Tuple(items.into_iter().map(Val::into_expr).collect()))
    }
}

fn rows(config: &Config) -> Vec<(&'static str, Const)> {
    let flag = Const::Bool;
    let number = |value: u32| Const::Int(value.into());
    let text = |text: &str| Const::Str(text.into());
    let unstable = |may: Unstable| text(may.word());
    vec![
        ("cpp_demangle", flag(config.cpp_demangle)),
        ("lazy_symbolication", flag(config.lazy_symbolication)),
        ("print_maps_on_exit", flag(config.print_maps_on_exit)),
        ("use_blazesym", flag(config.use_blazesym)),
        ("show_debug_info", flag(config.show_debug_info)),
        ("log_size", number(config.log_size)),
        ("max_bpf_progs", number(config.max_bpf_progs)),
        ("max_cat_bytes", number(config.max_cat_bytes)),
        ("max_map_keys", number(config.max_map_keys)),
        ("max_probes", number(config.max_probes)),
        ("max_strlen", number(config.max_strlen)),
        ("on_stack_limit", number(config.on_stack_limit.unwrap_or(STACK_LIMIT))),
        ("perf_rb_pages", number(config.perf_rb_pages.unwrap_or(0))),
        ("str_trunc_trailer", Const::Str(config.str_trunc_trailer.clone())),
        ("unstable_import_statement", unstable(config.unstable.import_statement)),
        ("unstable_tseries", unstable(config.unstable.tseries)),
        ("unstable_typeinfo", unstable(config.unstable.typeinfo)),
        ("unstable_dw_ustack", unstable(config.unstable.dw_ustack)),
        ("missing_probes", text(config.missing_probes.word())),
        ("stack_mode", text(config.stack_mode.word())),
        ("license", text(&config.license)),
    ]
}
