//! Functions that print or end the script: statements of their own.

use crate::diag::{Diagnostic, codes};
use crate::source::Span;
use crate::syntax::ast::{Expr, ExprKind as Ast};
use crate::wire::format::{Conversion, Count, Format, Piece};

use super::super::check::Checker;
use super::super::constant::Const;
use super::super::format::{self, Wants};
use super::super::names;
use super::super::signatures::Action;
use super::super::tree::{self, Aggregate, ExprKind, MapId, StmtKind};
use super::super::ty::Ty;
use super::super::value::{Kind, Val};
use super::Call;

/// What `time()` prints.
const CLOCK: &str = "%H:%M:%S\n";

impl Checker<'_, '_> {
    /// A call that does something.
    pub(in super::super) fn action(&mut self, call: Call, action: Action) -> Option<StmtKind> {
        match action {
            Action::Printf => self.printf(call),
            Action::Print => self.print(call),
            Action::Clear => self.whole_map(call).map(|(map, _)| StmtKind::Clear(map)),
            Action::Zero => {
                let (map, span) = self.whole_map(call)?;
                self.refuse_sequence(map.0 as usize, span, "there is nothing to keep at 0")?;
                Some(StmtKind::Zero(map))
            }
            Action::Exit => self.exit(call),
            Action::Time => self.time(call),
            Action::Formatted(what) => self.formatted(call, what),
            Action::Join => self.join(call),
            Action::Fail => self.fail(call),
            Action::Assert => self.assert(call),
            Action::AssertStr => self.assert_str(call),
            Action::StaticAssert => self.static_assert(call),
            Action::Signal { thread } => self.signal(call, thread),
            Action::Override => self.override_(call),
        }
    }

    fn time(&mut self, call: Call) -> Option<StmtKind> {
        let format = match call.args.first() {
            Some(arg) => self.literal_text(call, arg)?,
            None => CLOCK.to_string(),
        };
        Some(StmtKind::Time { format })
    }

    fn exit(&mut self, call: Call) -> Option<StmtKind> {
        let Some(arg) = call.args.first() else { return Some(StmtKind::Exit { code: None }) };
        let val = self.value(arg)?;
        if !val.ty.is_int() {
            let message = "the exit status is an integer";
            let label = format!("this is {}", self.name(&val.ty));
            return self.error(codes::BAD_ARGUMENT, arg.span, message, label);
        }
        Some(StmtKind::Exit { code: Some(val.cast(Ty::I64).into_expr()) })
    }

    fn printf(&mut self, call: Call) -> Option<StmtKind> {
        let (format, args) = self.format_call(call)?;
        Some(StmtKind::Printf { format, args })
    }

    /// The format and the arguments of a call like printf's.
    pub(super) fn format_call(&mut self, call: Call) -> Option<(Format, Vec<tree::Expr>)> {
        let text = self.literal_text(call, &call.args[0]);
        let args: Vec<Option<Val>> = call.args[1..].iter().map(|arg| self.value(arg)).collect();
        let args: Vec<Val> = args.into_iter().collect::<Option<_>>()?;
        let mut format = format::parse(&text?);
        format::settle_stars(&mut format, args.len());
        self.check_format(call, &format, &args)?;
        let args = spelled_out(&mut format, args);
        Some((format, args.into_iter().map(Val::into_expr).collect()))
    }

    fn check_format(&mut self, call: Call, format: &Format, args: &[Val]) -> Option<()> {
        let expected = format::arguments(format);
        if expected.len() != args.len() {
            let first = expected.get(args.len()).copied().flatten().map(|c| within(&call.args[0], &c.range));
            return self.report_count(call, expected.len(), first, args);
        }
        // All arguments are looked at.
        let mut good = Some(());
        for (conversion, arg) in expected.iter().zip(args) {
            good = self.check_argument(call, *conversion, arg).and(good);
        }
        good
    }

    /// `first` is where the first conversion without a value stands.
    fn report_count(&mut self, call: Call, expected: usize, first: Option<Span>, args: &[Val]) -> Option<()> {
        let (span, given) = (call.args[0].span, args.len());
        let message = format!("the format takes {}, {given} given", plural(expected, "argument"));
        let mut error = Diagnostic::error(codes::BAD_FORMAT, message);
        error = match args.get(expected) {
            Some(extra) => error.at(extra.span, "nothing prints this").because(span, ""),
            None => {
                let label = if expected - given > 1 { "no value from here on" } else { "no value for this" };
                error.at(first.unwrap_or(span), label).help("a percent sign is written `%%`")
            }
        };
        self.report(error);
        None
    }

    fn check_argument(&mut self, call: Call, conversion: Option<&Conversion>, arg: &Val) -> Option<()> {
        let wants = conversion.map_or(Wants::Number, |c| format::wants(c.kind));
        let what = conversion.map(|c| format!("`%{}`", letter(c.kind))).unwrap_or_default();
        if format::accepts(wants, &arg.ty) {
            return Some(());
        }
        let found = self.name(&arg.ty);
        let (message, help) = match wants {
            _ if conversion.is_none() => {
                ("a `*` takes an integer".to_string(), "give the number before the value")
            }
            Wants::Nothing => (format!("{what} is not supported"), "print integers with %d, %u or %x"),
            Wants::Bytes => (format!("{what} prints a buffer"), "make one of it: `buf(...)`"),
            _ if matches!(arg.ty, Ty::Str { .. } | Ty::Named(_)) => {
                (format!("{what} cannot print text"), "use %s")
            }
            _ => (format!("{what} cannot print {found}"), "use %s"),
        };
        let error = Diagnostic::error(codes::BAD_FORMAT, message).at(arg.span, format!("this is {found}"));
        let place = conversion.map_or(call.args[0].span, |c| within(&call.args[0], &c.range));
        self.report(error.because(place, "in this format").help(help));
        None
    }

    /// `print(@m)`, `print(@m, top, div)`, `print(value)`
    fn print(&mut self, call: Call) -> Option<StmtKind> {
        if let Ast::Map { key: None, .. } = &call.args[0].kind {
            return self.print_map(call);
        }
        if let Some(extra) = call.args.get(1) {
            let message = "only the printing of a map takes more arguments";
            let error = Diagnostic::error(codes::ARITY, message).at(extra.span, "one too many");
            self.report(error.because(call.args[0].span, "not a map as a whole"));
            return None;
        }
        let val = self.expr(&call.args[0])?;
        if let Ty::Aggregate(kind) = &val.ty
            && matches!(kind, Aggregate::Hist { .. } | Aggregate::Lhist { .. } | Aggregate::Series(_))
        {
            let kind = names::aggregate(kind);
            return self.report_entry(val.span, kind);
        }
        let val = self.as_value(val)?;
        Some(match val.kind {
            Kind::Expr(ExprKind::MapGet { map, key: Some(key) }) if !self.holds_aggregate(map) => {
                StmtKind::PrintEntry { map, key: *key }
            }
            _ => StmtKind::PrintValue { value: val.into_expr() },
        })
    }

    /// The map holds aggregations, whose entries are numbers when they are printed.
    fn holds_aggregate(&self, map: MapId) -> bool {
        matches!(self.maps.list[map.0 as usize].value.ty, Some(Ty::Aggregate(_)))
    }

    fn report_entry(&mut self, span: Span, kind: &str) -> Option<StmtKind> {
        let message = format!("one entry of a {kind} map cannot be printed");
        let error = Diagnostic::error(codes::MAP_VALUE, message).at(span, "one entry");
        self.report(error.help("print the whole map"));
        None
    }

    fn print_map(&mut self, call: Call) -> Option<StmtKind> {
        let (map, _) = self.whole_map(call)?;
        let mut limits = [0, 0];
        for (limit, arg) in limits.iter_mut().zip(&call.args[1..]) {
            *limit = self.literal_count(call, arg)?;
        }
        let stats = Ty::Aggregate(tree::Aggregate::Stats { signed: true });
        if let Some(arg) = call.args.get(1)
            && self.maps.list[map.0 as usize].value.ty.as_ref().is_some_and(|ty| ty.join(&stats).is_some())
        {
            self.warn_stats(arg);
        }
        Some(StmtKind::PrintMap { map, top: limits[0], div: limits[1], drains: false })
    }

    fn warn_stats(&mut self, arg: &Expr) {
        let message = "a stats() map is printed whole and as it is";
        self.report(Diagnostic::warning(codes::IGNORED_ARGUMENT, message).at(arg.span, "ignored"));
    }
}

/// The place of bytes `range` of a text literal: the literal as a whole unless its escapes are plain to see.
fn within(literal: &Expr, range: &std::ops::Range<usize>) -> Span {
    let Ast::Str(text) = &literal.kind else { return literal.span };
    let width = |bytes: &[u8]| -> u32 {
        bytes.iter().map(|b| if matches!(b, b'\n' | b'\t' | b'\r' | b'"' | b'\\') { 2 } else { 1 }).sum()
    };
    let Span { file, start, end } = literal.span;
    if width(text) + 2 != end - start {
        return literal.span;
    }
    let first = start + 1 + width(&text[..range.start]);
    Span { file, start: first, end: first + width(&text[range.clone()]) }
}

/// Puts literals into the format itself where a plain `%s` prints them: what the script says is printed as it is, colours
/// too. Gives the other arguments.
fn spelled_out(format: &mut Format, args: Vec<Val>) -> Vec<Val> {
    let plain = |piece: &Piece| match piece {
        Piece::Text(_) => true,
        Piece::Conversion(c) => c.width != Some(Count::Argument) && c.precision != Some(Count::Argument),
    };
    if !format.pieces.iter().all(plain) {
        return args;
    }
    let mut rest = Vec::new();
    let mut args = args.into_iter();
    for piece in &mut format.pieces {
        let Piece::Conversion(conversion) = piece else { continue };
        let Some(arg) = args.next() else { break };
        let bare = conversion.kind == 's' && conversion.width.is_none() && conversion.precision.is_none();
        match arg.as_const() {
            Some(Const::Str(text)) if bare => match std::str::from_utf8(text) {
                Ok(text) => *piece = Piece::Text(text.split('\0').next().unwrap_or_default().to_owned()),
                Err(_) => rest.push(arg),
            },
            _ => rest.push(arg),
        }
    }
    rest
}

fn plural(count: usize, word: &str) -> String {
    match count {
        0 => format!("no {word}s"),
        1 => format!("1 {word}"),
        _ => format!("{count} {word}s"),
    }
}

/// A conversion as written.
fn letter(kind: char) -> String {
    match kind {
        'R' => "rx".into(),
        'H' => "rh".into(),
        'g' => "gr".into(),
        other => other.to_string(),
    }
}
