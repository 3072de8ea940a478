//! `uprobe:file:function`, with an offset, at an address; `uretprobe` at a function's return.
//!
//! The file is a path, a program of the PATH or a library's name; it may hold `*`. With `-p` it may be left out: the
//! program of that process is meant. `uprobe:file:cpp:"name"` names a function by its readable form, and
//! so does any name with `::` in it.
//!
//! A function's name may stand for several places: static functions of one name in several files of the source are all
//! probed. Two names of one place are one.

use std::collections::HashSet;

use super::interval::number;
use super::wildcard::{is_pattern, matches};
use super::{Place, parts};
use crate::diag::{Diagnostic, codes, suggest};
use crate::host::dwarf::NoLine;
use crate::host::elf::{Function, Machine, demangle, x86};
use crate::host::{Binary, Feature, HostError};
use crate::sema::abi;
use crate::sema::check::Checker;
use crate::sema::fields::Record;
use crate::sema::tree::{Attach, ProbeKind, UserPlace};
use crate::source::Span;
use crate::syntax::ast::{AttachPoint, Part};

/// Where in a file.
enum Spot<'a> {
    /// A function, perhaps a pattern, and bytes from its start.
    Function(&'a str, u64),
    Address(u64),
    /// File of the source, line, column.
    Line(&'a str, u64, Option<u64>),
}

/// An attach point taken apart.
struct Wanted<'a> {
    kind: ProbeKind,
    /// None for the program of `-p`.
    target: Option<Part>,
    /// `cpp`
    language: Option<&'a Part>,
    spot: Spot<'a>,
    part: &'a Part,
    span: Span,
}

/// A binary that is being probed.
pub(super) struct Opened<'b> {
    pub path: &'b str,
    pub binary: &'b dyn Binary,
}

impl Checker<'_, '_> {
    pub(super) fn uprobe(&mut self, kind: ProbeKind, point: &AttachPoint) -> Option<Vec<Place>> {
        let wanted = self.user_wanted(kind, point)?;
        self.need_uprobes(kind, point.span)?;
        let files = self.files(wanted.target.as_ref(), point.span)?;
        let mut found = Vec::new();
        for path in &files {
            match self.opened(path) {
                Ok(binary) => {
                    let file = Opened { path, binary: &*binary };
                    found.extend(self.places_in(&wanted, &file, files.len() > 1)?);
                }
                Err(error) if files.len() == 1 => {
                    return self.report_file(wanted.target.as_ref(), point.span, path, &error);
                }
                Err(_) => {}
            }
        }
        if found.is_empty() {
            let message = format!("no function of {} files is like {}", files.len(), wanted.part.text);
            return self.no_such(point.span, message, None);
        }
        Some(found)
    }

    /// Says so when the kernel cannot.
    pub(super) fn need_uprobes(&mut self, kind: ProbeKind, span: Span) -> Option<()> {
        if self.host.has(Feature::Uprobe) {
            return Some(());
        }
        let message = format!("this kernel has no {}s", kind.name());
        let error = Diagnostic::error(codes::MISSING_FEATURE, message).at(span, "needs uprobes");
        self.report(error.help("the kernel must be built with CONFIG_UPROBE_EVENTS"));
        None
    }

    /// The process that probes in user space are limited to.
    pub(super) fn traced_process(&self) -> Option<u32> {
        self.options.pid.or(Some(self.options.cpid).filter(|pid| *pid != 0))
    }

    /// The files that a target stands for.
    pub(super) fn files(&mut self, target: Option<&Part>, span: Span) -> Option<Vec<String>> {
        let (binaries, pid) = (self.host.binaries(), self.options.pid);
        let found = match (target.map(|part| part.text.as_str()), pid) {
            (None | Some(""), Some(pid)) => binaries.executable(pid).map(|path| vec![path]),
            (Some("*"), pid) => binaries.mapped(pid),
            (Some(target), pid) => binaries.resolve(target, pid),
            (None, None) => return None,
        };
        match found {
            Ok(files) => Some(files),
            Err(error) => self.report_file(target, span, target.map_or("", |part| &part.text), &error),
        }
    }

    pub(super) fn opened(&self, path: &str) -> Result<std::rc::Rc<dyn Binary>, HostError> {
        let binary = self.host.binaries().open(path)?;
        match binary.machine() {
            machine if machine == Machine::native() => Ok(binary),
            other => Err(HostError::Other(format!("built for {}, not for this machine", other.name()))),
        }
    }

    pub(super) fn report_file<T>(
        &mut self,
        target: Option<&Part>,
        span: Span,
        path: &str,
        error: &HostError,
    ) -> Option<T> {
        let span = target.map_or(span, |part| part.span);
        let (code, message, label) = match error {
            HostError::Missing(what) if !path.contains('/') && what == path => {
                (codes::NO_SUCH_TARGET, format!("no program or library `{path}`"), "not found".to_string())
            }
            HostError::Missing(what) if what.starts_with("process") => {
                (codes::NO_SUCH_TARGET, format!("there is no {what}"), "not found".to_string())
            }
            HostError::Missing(what) => {
                (codes::NO_SUCH_TARGET, format!("no file {what}"), "not found".into())
            }
            HostError::Denied(what) => {
                (codes::NO_PRIVILEGE, format!("{what} may not be read"), "no permission".into())
            }
            HostError::Other(why) => (codes::NO_SUCH_TARGET, format!("{path} cannot be probed"), why.clone()),
        };
        let report = Diagnostic::error(code, message).at(span, label);
        let bare = matches!(error, HostError::Missing(what) if what == path && !path.contains('/'));
        self.report(match bare {
            true => report.help("give a path, a program of the PATH, or a library such as `libc`"),
            false => report,
        });
        None
    }

    /// The places of one file. With `several` files a file without any is passed over.
    fn places_in(&mut self, wanted: &Wanted, file: &Opened, several: bool) -> Option<Vec<Place>> {
        let (name, offset) = match wanted.spot {
            Spot::Address(address) => return self.at_address(wanted, file, address).map(|place| vec![place]),
            Spot::Line(source, line, column) => {
                return self.at_line(wanted, file, source, line, column).map(|place| vec![place]);
            }
            Spot::Function(name, offset) => (name, offset),
        };
        let exact = wanted.language.is_none() && !is_pattern(name);
        let readable = wanted.language.is_some() || name.contains("::");
        let mut functions = match (exact, readable) {
            (true, _) => exactly(file.binary, name),
            (false, false) => like(file.binary, |function| matches(name, &function.name)),
            (false, true) => Vec::new(),
        };
        if functions.is_empty() && readable {
            functions = like(file.binary, |function| is_readable(name, &function.name));
        }
        if functions.is_empty() {
            return if several { Some(Vec::new()) } else { self.report_no_function(wanted, file, name) };
        }
        if exact && functions.len() > 1 && !several {
            self.tell_several(wanted, functions.len(), name);
        }
        if wanted.kind == ProbeKind::Uretprobe && file.binary.is_go() {
            self.warn_go(wanted, file, &functions[0]);
        }
        let mut places = Vec::new();
        for function in functions {
            if offset != 0 {
                self.check_offset(wanted, file, &function, offset)?;
            }
            let address = function.address.wrapping_add(offset);
            // symbols of code that is not loaded from the file cannot be probed
            let Some(at) = file.binary.offset_of(address) else { continue };
            places.push(self.user_place(wanted, file, at, &function, offset));
        }
        if places.is_empty() && !several {
            return self.no_such(wanted.span, format!("`{name}` is no code of {}", file.path), None);
        }
        Some(places)
    }

    fn user_place(&self, wanted: &Wanted, file: &Opened, offset: u64, of: &Function, plus: u64) -> Place {
        let language = wanted.language.map(|part| format!("{}:", part.text)).unwrap_or_default();
        let plus = if plus == 0 { String::new() } else { format!("+{plus}") };
        let name = format!("{}:{}:{language}{}{plus}", wanted.kind.name(), file.path, of.name);
        self.place_of(wanted, file, name, demangle::demangle(&of.name), offset)
    }

    fn place_of(&self, wanted: &Wanted, file: &Opened, name: String, function: String, offset: u64) -> Place {
        let pid = self.traced_process();
        let at = UserPlace { path: file.path.to_string(), function, offset, semaphore: 0, pid };
        let target = match wanted.kind {
            ProbeKind::Uretprobe => Attach::Uretprobe(at),
            _ => Attach::Uprobe(at),
        };
        Place::new(name, target, wanted.span)
    }

    /// An address as linked; the offset of the file when it is no such address.
    fn at_address(&mut self, wanted: &Wanted, file: &Opened, written: u64) -> Option<Place> {
        let binary = file.binary;
        let found = match binary.offset_of(written) {
            Some(offset) => Some((written, offset)),
            None => binary.address_of(written).map(|address| (address, written)),
        };
        let Some((address, offset)) = found else {
            let message = format!("there is no code at {written:#x} of {}", file.path);
            return self.malformed_address(wanted, message);
        };
        let function = binary.around(address);
        if let Some(function) = &function {
            let within = address - function.address;
            if wanted.kind == ProbeKind::Uretprobe && within != 0 {
                let message = format!(
                    "{written:#x} is within `{}`: a uretprobe is at a function's start",
                    function.name
                );
                return self.malformed_address(wanted, message);
            }
            if within != 0 {
                self.check_offset(wanted, file, function, within)?;
            }
        } else {
            self.unchecked(wanted, file, "no symbol tells where its instructions begin")?;
        }
        let name = format!("{}:{}:{written}", wanted.kind.name(), file.path);
        let function = function.map(|function| demangle::demangle(&function.name)).unwrap_or_default();
        Some(self.place_of(wanted, file, name, function, offset))
    }

    /// The statement that begins on a line of the source.
    fn at_line(
        &mut self,
        wanted: &Wanted,
        file: &Opened,
        source: &str,
        line: u64,
        column: Option<u64>,
    ) -> Option<Place> {
        let place = column.map_or(format!("{source}:{line}"), |column| format!("{source}:{line}:{column}"));
        let address = match file.binary.line(source, line, column) {
            Ok(address) => address,
            Err(why) => return self.report_line(wanted, file, &place, why),
        };
        let offset = file.binary.offset_of(address)?;
        let name = format!("{}:{}@{place}", wanted.kind.name(), file.path);
        let function = file
            .binary
            .around(address)
            .map(|function| demangle::demangle(&function.name))
            .unwrap_or_default();
        Some(self.place_of(wanted, file, name, function, offset))
    }

    fn report_line<T>(&mut self, wanted: &Wanted, file: &Opened, place: &str, why: NoLine) -> Option<T> {
        let source = place.split(':').next().unwrap_or_default();
        let (code, message, help) = match why {
            NoLine::NoDebugInfo => {
                let help =
                    "it needs debug information (DWARF): -g, or a package with debug symbols".to_string();
                (codes::NO_DEBUG_INFO, format!("{} does not know its source", file.path), Some(help))
            }
            NoLine::NoFile(files) => {
                let near = suggest::nearest(source, files.iter().map(String::as_str)).map(str::to_string);
                let help = near.map(|near| format!("did you mean `{near}`?"));
                (codes::NO_SUCH_TARGET, format!("{} was not made of {source}", file.path), help)
            }
            NoLine::NoStatement(next) => {
                let help = next.map(|line| format!("the next statement begins on line {line}"));
                (codes::NO_SUCH_TARGET, format!("no statement begins at {place}"), help)
            }
        };
        let error = Diagnostic::error(code, message).at(wanted.span, "nothing to attach to");
        self.report(match help {
            Some(help) => error.help(help),
            None => error,
        });
        None
    }

    fn malformed_address<T>(&mut self, wanted: &Wanted, message: String) -> Option<T> {
        self.error(codes::NO_SUCH_TARGET, wanted.part.span, message, "this address")
    }

    /// The arguments of a function by their names; None when they are not known, which is reported.
    pub(in crate::sema) fn user_record(&mut self, span: Span, at: &UserPlace) -> Option<Record> {
        let binary = self.opened(&at.path).ok()?;
        let address = binary.address_of(at.offset)?;
        let Some(signature) = binary.signature(address) else {
            let within = binary.around(address).is_some_and(|function| function.address != address);
            let (message, note) = if within {
                ("arguments are where they are told to be only at a function's start".to_string(), None)
            } else {
                let note =
                    "it needs debug information (DWARF) of the program: -g, or a package with debug symbols";
                (format!("the arguments of `{}` in {} are not known", at.function, at.path), Some(note))
            };
            let error = Diagnostic::error(codes::NO_DEBUG_INFO, message).at(span, "`args` is used here");
            let error = note.map_or(error.clone(), |note| error.note(note));
            self.report(error.help("use arg0, arg1, ... or reg(\"...\")"));
            return None;
        };
        let btf = self.btf(span, "`args`")?;
        Some(abi::record(&signature, btf, binary.machine()))
    }

    /// Refuses places that are no instruction's start: a breakpoint there damages the program.
    fn check_offset(&mut self, wanted: &Wanted, file: &Opened, of: &Function, offset: u64) -> Option<()> {
        if of.size != 0 && offset >= of.size {
            let message = format!("`{}` has {} bytes", of.name, of.size);
            return self.error(
                codes::BAD_ATTACH_POINT,
                wanted.part.span,
                message,
                "behind the function's end",
            );
        }
        let start = match file.binary.machine() {
            Machine::X86_64 => {
                let code = file.binary.code(of.address, offset + 16);
                x86::start_of(&code, offset as usize).map(|start| start as u64)
            }
            _ => Some(offset & !3),
        };
        match start {
            Some(start) if start == offset => Some(()),
            Some(start) => {
                let message = format!("`{}+{offset}` is in the middle of an instruction", of.name);
                let error = Diagnostic::error(codes::BAD_ATTACH_POINT, message);
                let error = error.at(wanted.part.span, "a probe there would damage the program");
                self.report(error.help(format!("the instruction begins at {}+{start}", of.name)));
                None
            }
            None => self.unchecked(wanted, file, "its instructions cannot be read"),
        }
    }

    fn unchecked(&mut self, wanted: &Wanted, file: &Opened, why: &str) -> Option<()> {
        if self.options.allow_unsafe {
            return Some(());
        }
        let message = format!("{} cannot be checked: {why}", file.path);
        let error = Diagnostic::error(codes::BAD_ATTACH_POINT, message);
        let error = error.at(wanted.part.span, "perhaps not the start of an instruction");
        let error = error.note("a probe in the middle of an instruction damages the program");
        self.report(error.help("--unsafe takes it as it is"));
        None
    }

    fn tell_several(&mut self, wanted: &Wanted, count: usize, name: &str) {
        let message = format!("{count} functions are called `{name}`");
        let warning = Diagnostic::warning(codes::SEVERAL_TARGETS, message);
        self.report(
            warning.at(wanted.part.span, "all of them are traced").note("`--no-warnings` leaves this out"),
        );
    }

    fn warn_go(&mut self, wanted: &Wanted, file: &Opened, of: &Function) {
        let message = "a uretprobe ends a Go program with `unexpected return pc`";
        let warning = Diagnostic::warning(codes::RISKY_PROBE, message);
        let warning = warning.at(wanted.span, format!("{} was built by Go", file.path));
        let warning = warning
            .note("Go's runtime moves stacks and looks at return addresses, which a uretprobe changes");
        let returns = x86::returns(&file.binary.code(of.address, of.size)).unwrap_or_default();
        let safe: Vec<String> =
            returns.iter().take(8).map(|at| format!("uprobe:{}:\"{}\"+{at}", file.path, of.name)).collect();
        self.report(match safe.is_empty() {
            true => warning,
            false => warning.help(format!("probe its return instructions: `{}`", safe.join(", "))),
        });
    }

    fn report_no_function(&mut self, wanted: &Wanted, file: &Opened, name: &str) -> Option<Vec<Place>> {
        let functions = file.binary.functions();
        if functions.is_empty() {
            let message = format!("{} has no symbols", file.path);
            let error = Diagnostic::error(codes::NO_SUCH_TARGET, message).at(wanted.part.span, "stripped");
            self.report(error.help("install its debug symbols, or give the function's address"));
            return None;
        }
        if is_pattern(name) || wanted.language.is_some() {
            let message = format!("no function of {} is like {name}", file.path);
            return self.no_such(wanted.part.span, message, None);
        }
        let (base, version) = name.split_once('@').unwrap_or((name, ""));
        let versions: Vec<String> =
            file.binary.named(base).into_iter().filter_map(|function| function.version).collect();
        if !version.is_empty() && !versions.is_empty() {
            let message = format!("`{base}` of {} has no version {version}", file.path);
            return self.no_such(
                wanted.part.span,
                message,
                Some(format!("its versions: {}", versions.join(", "))),
            );
        }
        let near = suggest::nearest(name, functions.iter().map(|function| function.name.as_str()));
        let message = format!("no function `{name}` in {}", file.path);
        self.no_such(wanted.part.span, message, near.map(|near| format!("did you mean `{near}`?")))
    }

    fn user_wanted<'p>(&mut self, kind: ProbeKind, point: &'p AttachPoint) -> Option<Wanted<'p>> {
        if let Some((target, line)) = self.at_source(kind, point) {
            let (spot, part) = (line?, &parts(point)[0]);
            return Some(Wanted { kind, target: Some(target), language: None, spot, part, span: point.span });
        }
        let name = kind.name();
        let has_process = self.options.pid.is_some();
        let (target, language, part) = match parts(point) {
            [target, function] if has_process && is_language(target) => (None, Some(target), function),
            [function] if has_process => (None, None, function),
            [target, function] => (Some(target), None, function),
            [target, language, function] => (Some(target), Some(language), function),
            _ => return self.malformed_user(kind, point),
        };
        if let Some(language) = language.filter(|part| !is_language(part)) {
            let message = format!("`{}` is no language whose names can be read", language.text);
            return self.malformed(
                language.span,
                message,
                "`cpp` or `rust`",
                &format!("{name}:file:cpp:\"name\""),
            );
        }
        if target.is_some_and(|part| part.text.is_empty() && !has_process) {
            let message = format!("{name} of no file");
            return self.malformed(point.span, message, "no path", &format!("{name}:/path:function"));
        }
        let spot = self.spot(kind, part, target)?;
        Some(Wanted { kind, target: target.cloned(), language, spot, part, span: point.span })
    }

    /// `file@source:line:column`: the target, and the line when it is well formed. None for other forms.
    fn at_source<'p>(&mut self, kind: ProbeKind, point: &'p AttachPoint) -> Option<(Part, Option<Spot<'p>>)> {
        let (first, rest) = parts(point).split_first()?;
        let (target, source) = first.text.rsplit_once('@')?;
        let numbers: Vec<Option<u64>> = rest.iter().map(|part| number(&part.text)).collect();
        let spot = match numbers[..] {
            _ if kind == ProbeKind::Uretprobe => {
                let message = "a uretprobe is at a function's end, not on a line";
                self.malformed(point.span, message, "a line of the source", "uretprobe:/path:function")
            }
            [Some(line)] => Some(Spot::Line(source, line, None)),
            [Some(line), Some(column)] => Some(Spot::Line(source, line, Some(column))),
            _ => {
                let message = "a place in the source is a file and a line";
                self.malformed(point.span, message, "a line expected", "uprobe:/path@file.c:10")
            }
        };
        Some((Part { span: first.span, text: target.to_string() }, spot))
    }

    fn malformed_user<T>(&mut self, kind: ProbeKind, point: &AttachPoint) -> Option<T> {
        let name = kind.name();
        let message = format!("{name} takes a file and a function");
        self.malformed(point.span, message, "two parts expected", &format!("{name}:/path:function"))
    }

    fn spot<'p>(&mut self, kind: ProbeKind, part: &'p Part, target: Option<&Part>) -> Option<Spot<'p>> {
        let (text, form) = (part.text.as_str(), format!("{}:/path:function", kind.name()));
        if text.is_empty() {
            return self.malformed(part.span, format!("{} of no function", kind.name()), "no name", &form);
        }
        if let Some(address) = number(text) {
            if target.is_some_and(|part| is_pattern(&part.text)) {
                let message = "an address is of one file, and here are several";
                return self.malformed(part.span, message, "an address", &form);
            }
            return Some(Spot::Address(address));
        }
        // names such as `operator+` have a plus of their own
        let Some((function, offset)) = text.rsplit_once('+').filter(|(name, _)| !name.ends_with("operator"))
        else {
            return Some(Spot::Function(text, 0));
        };
        match number(offset) {
            _ if kind == ProbeKind::Uretprobe => {
                let message = "a uretprobe is at the function's end: it has no offset";
                self.malformed(part.span, message, "offset not allowed", "uretprobe:/path:function")
            }
            Some(_) if is_pattern(function) => {
                let message = "an offset is of one function, and a pattern stands for several";
                self.malformed(part.span, message, "a pattern with an offset", "uprobe:/path:function+4")
            }
            Some(offset) => Some(Spot::Function(function, offset)),
            None => {
                let message = format!("`{offset}` is no offset");
                self.malformed(part.span, message, "a number expected", "uprobe:/path:function+4")
            }
        }
    }
}

fn is_language(part: &Part) -> bool {
    matches!(part.text.as_str(), "cpp" | "rust")
}

/// True when the pattern describes the readable form of a symbol: with parameters when it names any.
fn is_readable(pattern: &str, symbol: &str) -> bool {
    let bare = || demangle::bare(symbol).is_some_and(|name| matches(pattern, &name));
    let whole = || demangle::readable(symbol).is_some_and(|name| matches(pattern, &name));
    bare() || (pattern.contains('(') && whole())
}

/// Functions of that name, one an address. Of several versions the one that new programs are linked with, unless
/// `name@VERSION` says which.
fn exactly(binary: &dyn Binary, name: &str) -> Vec<Function> {
    let mut found = binary.named(name);
    if let (true, Some((base, version))) = (found.is_empty(), name.split_once('@')) {
        let version = version.trim_start_matches('@');
        found = binary.named(base);
        found.retain(|function| function.version.as_deref() == Some(version));
    } else if found.iter().any(|function| !function.hidden) {
        found.retain(|function| !function.hidden);
    }
    found.sort_by_key(|function| function.address);
    found.dedup_by_key(|function| function.address);
    found
}

/// Functions that fit, one an address.
fn like(binary: &dyn Binary, fits: impl Fn(&Function) -> bool) -> Vec<Function> {
    let mut seen = HashSet::new();
    let found = binary.functions().iter().filter(|function| fits(function));
    found.filter(|function| seen.insert(function.address)).cloned().collect()
}
