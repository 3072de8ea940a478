//! The settings of a run: bpftrace's config variables, one row each.
//!
//! A setting comes from the environment (`BPFTRACE_X`, `BEETRACE_X`) or from the script's `config` block; the
//! environment goes first. Everything ends up in one [`Config`], which the stages read.
//!
//! Deliberately absent: where the values come from, and what they do.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::diag::{Diagnostic, Sink, codes, suggest};
use crate::syntax::ast::{Setting, SettingValue};

/// What is done about attach points that are not there (`missing_probes`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Missing {
    /// The script is refused.
    Error,
    /// A warning.
    Warn,
    /// Nothing.
    Ignore,
}

impl Missing {
    const WORDS: [&str; 3] = ["error", "warn", "ignore"];

    /// As scripts spell it.
    pub fn word(self) -> &'static str {
        Missing::WORDS[self as usize]
    }
}

/// How stacks are printed (`stack_mode`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StackMode {
    /// `symbol+offset`
    Bpftrace,
    /// The address before the symbol.
    Perf,
    /// Addresses.
    Raw,
    /// Build ids and offsets in files; user stacks only.
    BuildId,
}

impl StackMode {
    const WORDS: [&str; 4] = ["bpftrace", "perf", "raw", "build_id"];

    /// As scripts spell it.
    pub fn word(self) -> &'static str {
        StackMode::WORDS[self as usize]
    }
}

/// Whether an unstable feature may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unstable {
    /// No.
    Error,
    /// With a warning.
    Warn,
    /// Without one.
    Enable,
}

impl Unstable {
    /// As scripts spell it.
    pub fn word(self) -> &'static str {
        ["error", "warn", "enable"][self as usize]
    }
}

/// What each unstable feature's setting says (`unstable_…`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnstableFeatures {
    /// `import` within a probe.
    pub import_statement: Unstable,
    /// Maps of type `tseries`.
    pub tseries: Unstable,
    /// `typeinfo`
    pub typeinfo: Unstable,
    /// User stacks unwound by DWARF.
    pub dw_ustack: Unstable,
}

/// How symbols of processes are kept (`cache_user_symbols`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SymbolCache {
    /// As fits the run: by program when addresses are the same in all processes, else by process.
    Auto,
    /// One cache for each process.
    PerPid,
    /// One cache for each program.
    PerProgram,
    /// None.
    None,
}

/// All settings with their values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// How symbols of processes are kept.
    pub cache_user_symbols: SymbolCache,
    /// C++ names as in the source.
    pub cpp_demangle: bool,
    /// Symbols of processes are read when they are printed, not before.
    pub lazy_symbolication: bool,
    /// Told to the kernel; one of [`LICENSES`].
    pub license: String,
    /// Bytes of the verifier's log.
    pub log_size: u32,
    /// Programs at most.
    pub max_bpf_progs: u32,
    /// Bytes that `cat()` reads at most.
    pub max_cat_bytes: u32,
    /// Entries of a map at most, unless it says otherwise.
    pub max_map_keys: u32,
    /// Attach points at most.
    pub max_probes: u32,
    /// Bytes of a string, NUL included.
    pub max_strlen: u32,
    /// Bytes of an object that may lie on the stack; none for what the compiler finds best.
    pub on_stack_limit: Option<u32>,
    /// Pages of the ring buffer for each possible CPU; none for what fits the machine.
    pub perf_rb_pages: Option<u32>,
    /// How stacks are printed.
    pub stack_mode: StackMode,
    /// What is put behind a string that was cut.
    pub str_trunc_trailer: Vec<u8>,
    /// What is done about attach points that are not there.
    pub missing_probes: Missing,
    /// Maps are printed when the run ends.
    pub print_maps_on_exit: bool,
    /// Files and lines with symbols.
    pub show_debug_info: bool,
    /// Accepted for scripts that set it; symbols are read in one way only.
    pub use_blazesym: bool,
    /// What unstable features may be used.
    pub unstable: UnstableFeatures,
}

/// What `license` may be: all of them let programs call the kernel's helpers.
pub const LICENSES: [&str; 6] =
    ["GPL", "GPL v2", "GPL and additional rights", "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL"];

impl Default for Config {
    fn default() -> Config {
        Config {
            cache_user_symbols: SymbolCache::Auto,
            cpp_demangle: true,
            lazy_symbolication: false,
            license: LICENSES[0].into(),
            log_size: 1_000_000,
            max_bpf_progs: 1024,
            max_cat_bytes: 10_240,
            max_map_keys: 4096,
            max_probes: 1024,
            max_strlen: 1024,
            on_stack_limit: None,
            perf_rb_pages: None,
            stack_mode: StackMode::Bpftrace,
            str_trunc_trailer: b"..".to_vec(),
            missing_probes: Missing::Error,
            print_maps_on_exit: true,
            show_debug_info: true,
            use_blazesym: true,
            unstable: UnstableFeatures {
                import_statement: Unstable::Error,
                tseries: Unstable::Warn,
                // Stricter in bpftrace, which nothing that runs there can tell.
                typeinfo: Unstable::Enable,
                dw_ustack: Unstable::Warn,
            },
        }
    }
}

/// What a setting takes, and where it goes.
enum Kind {
    Flag(fn(&mut Config, bool)),
    Number(RangeInclusive<u32>, fn(&mut Config, u32)),
    /// One of these words, in any case; the setter gets its index.
    Word(&'static [&'static str], fn(&mut Config, usize)),
    /// One of these texts as it is.
    Exact(&'static [&'static str], fn(&mut Config, usize)),
    Text(fn(&mut Config, &[u8])),
    Unstable(fn(&mut Config, Unstable)),
}

/// A setting's name in lower case and what it takes.
struct Row(&'static str, Kind);

use Kind::{Exact, Flag, Number, Text, Word};

const ROWS: &[Row] = &[
    Row(
        "cache_user_symbols",
        Word(&["1", "per_pid", "per_program", "none", "0"], |c, n| {
            use SymbolCache::*;
            c.cache_user_symbols = [Auto, PerPid, PerProgram, None, None][n];
        }),
    ),
    Row("cpp_demangle", Flag(|c, on| c.cpp_demangle = on)),
    Row("lazy_symbolication", Flag(|c, on| c.lazy_symbolication = on)),
    Row("license", Exact(&LICENSES, |c, n| LICENSES[n].clone_into(&mut c.license))),
    Row("log_size", Number(0..=u32::MAX, |c, n| c.log_size = n)),
    Row("max_bpf_progs", Number(0..=u32::MAX, |c, n| c.max_bpf_progs = n)),
    Row("max_cat_bytes", Number(0..=u32::MAX, |c, n| c.max_cat_bytes = n)),
    Row("max_map_keys", Number(1..=1 << 28, |c, n| c.max_map_keys = n)),
    Row("max_probes", Number(0..=u32::MAX, |c, n| c.max_probes = n)),
    Row("max_strlen", Number(1..=65536, |c, n| c.max_strlen = n)),
    Row("on_stack_limit", Number(0..=u32::MAX, |c, n| c.on_stack_limit = Some(n))),
    Row("perf_rb_pages", Number(0..=1 << 16, |c, n| c.perf_rb_pages = Some(n).filter(|n| *n > 0))),
    Row(
        "stack_mode",
        Word(&StackMode::WORDS, |c, n| {
            use StackMode::*;
            c.stack_mode = [Bpftrace, Perf, Raw, BuildId][n];
        }),
    ),
    Row("str_trunc_trailer", Text(|c, text| c.str_trunc_trailer = text.to_vec())),
    Row(
        "missing_probes",
        Word(&Missing::WORDS, |c, n| {
            c.missing_probes = [Missing::Error, Missing::Warn, Missing::Ignore][n];
        }),
    ),
    Row("print_maps_on_exit", Flag(|c, on| c.print_maps_on_exit = on)),
    Row("show_debug_info", Flag(|c, on| c.show_debug_info = on)),
    Row("use_blazesym", Flag(|c, on| c.use_blazesym = on)),
    Row("unstable_import_statement", Kind::Unstable(|c, may| c.unstable.import_statement = may)),
    Row("unstable_tseries", Kind::Unstable(|c, may| c.unstable.tseries = may)),
    Row("unstable_typeinfo", Kind::Unstable(|c, may| c.unstable.typeinfo = may)),
    Row("unstable_dw_ustack", Kind::Unstable(|c, may| c.unstable.dw_ustack = may)),
];

/// Former names of settings.
const RENAMED: &[(&str, &str)] = &[
    ("strlen", "max_strlen"),
    ("no_cpp_demangle", "cpp_demangle"),
    ("cat_bytes_max", "max_cat_bytes"),
    ("map_keys_max", "max_map_keys"),
];

/// Settings of former times: accepted without effect.
const WITHOUT_EFFECT: &[&str] = &[
    "symbol_source",
    "max_type_res_iterations",
    "unstable_addr",
    "unstable_import",
    "unstable_macro",
    "unstable_map_decl",
];

/// Known as variables of the environment only.
const ENVIRONMENT_ONLY: &[&str] = &["btf", "kernel_build", "kernel_source", "vmlinux"];

/// The names of all settings, in lower case without prefix.
pub fn names() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|row| row.0)
}

/// A key as written to a name in the table.
fn canonical(key: &str) -> String {
    let lower = key.to_ascii_lowercase();
    let short = lower.strip_prefix("bpftrace_").or_else(|| lower.strip_prefix("beetrace_"));
    short.unwrap_or(&lower).to_owned()
}

impl Config {
    /// Sets one variable of the table.
    ///
    /// # Errors
    /// What the variable takes, in words, when `value` is something else.
    pub fn set(&mut self, name: &str, value: &SettingValue) -> Result<(), String> {
        let Some(row) = ROWS.iter().find(|row| row.0 == name) else {
            return Err("one of the known settings".to_owned());
        };
        let text = as_text(value);
        match &row.1 {
            Flag(set) => set(self, truth(&text).ok_or("true, false, 1 or 0")?),
            Number(range, set) => {
                let number = number(&text).filter(|n| range.contains(n));
                let (least, most) = (range.start(), range.end());
                set(self, number.ok_or_else(|| format!("a number from {least} to {most}"))?);
            }
            Word(words, set) => {
                let lower = text.to_ascii_lowercase();
                let found = words.iter().position(|word| **word == lower);
                set(self, found.ok_or_else(|| one_of(words))?);
            }
            Exact(texts, set) => {
                set(self, texts.iter().position(|t| **t == text).ok_or_else(|| one_of(texts))?);
            }
            Text(set) => match value {
                SettingValue::Str(bytes) => set(self, bytes),
                _ => set(self, text.as_bytes()),
            },
            Kind::Unstable(set) => {
                let lower = text.to_ascii_lowercase();
                let may = match (lower.as_str(), truth(&lower)) {
                    ("enable", _) | (_, Some(true)) => Unstable::Enable,
                    ("warn", _) => Unstable::Warn,
                    ("error", _) | (_, Some(false)) => Unstable::Error,
                    _ => return Err(one_of(&["enable", "warn", "error"])),
                };
                set(self, may);
            }
        }
        Ok(())
    }

    /// Takes over what a script's `config` blocks set, but not what `fixed` names: the environment goes first.
    /// Mistakes go to `sink`.
    pub fn adopt(&mut self, settings: &[Setting], fixed: &[String], sink: &mut Sink) {
        for setting in settings {
            let name = canonical(&setting.key);
            if WITHOUT_EFFECT.contains(&name.as_str()) {
                let warning =
                    Diagnostic::warning(codes::DEPRECATED, format!("the setting `{name}` has no effect"));
                sink.push(warning.at(setting.key_span, "not needed any more"));
                continue;
            }
            let mut name = name;
            if let Some((_, new)) = RENAMED.iter().find(|(old, _)| *old == name) {
                let warning = Diagnostic::warning(
                    codes::DEPRECATED,
                    format!("the setting `{name}` is called `{new}` now"),
                );
                sink.push(warning.at(setting.key_span, "former name"));
                name = (*new).to_owned();
            }
            if !names().any(|known| known == name) {
                sink.push(unknown(setting, &name));
                continue;
            }
            // A value is checked even when it does not count.
            let mut spare;
            let target = if fixed.contains(&name) {
                spare = self.clone();
                &mut spare
            } else {
                &mut *self
            };
            if let Err(takes) = target.set(&name, &setting.value) {
                let message = format!("`{}` is not a value of `{name}`", as_text(&setting.value));
                let error = Diagnostic::error(codes::SETTING, message);
                let error = error.at(setting.value_span, format!("expected {takes}"));
                sink.push(error.because(setting.key_span, ""));
            }
        }
    }
}

fn unknown(setting: &Setting, name: &str) -> Diagnostic {
    let error = Diagnostic::error(codes::SETTING, format!("there is no setting `{}`", setting.key));
    let error = error.at(setting.key_span, "unknown setting");
    if ENVIRONMENT_ONLY.contains(&name) {
        let variable = name.to_ascii_uppercase();
        return error.help(format!("this is a variable of the environment only: BPFTRACE_{variable}"));
    }
    match suggest::nearest(name, names()) {
        Some(near) => error.help(format!("did you mean `{near}`?")),
        None => error,
    }
}

fn as_text(value: &SettingValue) -> String {
    match value {
        SettingValue::Int(number) => number.to_string(),
        SettingValue::Bool(on) => on.to_string(),
        SettingValue::Str(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        SettingValue::Word(word) => word.clone(),
    }
}

/// A number as literals of the language write it: decimal or hexadecimal, with underscores.
fn number(text: &str) -> Option<u32> {
    let digits = text.replace('_', "");
    match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => digits.parse().ok(),
    }
}

/// What the text of a switch says.
pub(crate) fn switch(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "on" | "yes" => Some(true),
        "false" | "0" | "off" | "no" => Some(false),
        _ => None,
    }
}

fn truth(text: &str) -> Option<bool> {
    // Any other number is true, as it is in C.
    switch(text).or_else(|| text.parse::<u64>().ok().map(|_| true))
}

fn one_of(words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    format!("one of {}", words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_can_be_set() {
        for name in names() {
            let mut config = Config::default();
            let values = ["2", "off_by_none", "0", "perf", "warn", "enable", "per_pid", "GPL v2", "4097"];
            let changed = values.iter().any(|text| {
                let value = SettingValue::Str(text.as_bytes().to_vec());
                config.set(name, &value).is_ok() && config != Config::default()
            });
            assert!(changed, "{name}");
        }
    }

    #[test]
    fn keys_may_have_a_prefix_and_either_case() {
        for key in ["max_strlen", "MAX_STRLEN", "BPFTRACE_MAX_STRLEN", "beetrace_max_strlen"] {
            assert_eq!(canonical(key), "max_strlen");
        }
    }
}
