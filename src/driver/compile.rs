//! Text to artifact: the order of the compiler's stages.
//!
//! Pure: what the machine is like comes from a [`Host`], what the user wants from [`Settings`].

use std::collections::BTreeMap;

use crate::codegen::inst::{Code, Target};
use crate::config::Config;
use crate::diag::{Diagnostic, Sink, codes};
use crate::driver::headers::OfHost;
use crate::host::{Feature, Host};
use crate::ir::outline::Mechanism;
use crate::ir::{self, MapRef, Module};
use crate::object::artifact::{Artifact, Linked};
use crate::sema::tree::{self, ProbeKind};
use crate::source::{FileId, SourceMap, Span};
use crate::syntax::ast;
use crate::syntax::cpp::Prepared;
use crate::wire::align_up;
use crate::wire::map::{MapKind, MapRole, MapSpec};
use crate::{codegen, object, sema, syntax};

/// What the user wants, as far as the compiler is concerned.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Limits and targets that change the meaning of a script.
    pub options: sema::Options,
    /// What the environment sets; the script's `config` block adds to it.
    pub config: Config,
    /// Settings that the script may not change, by their names in [`config::names`].
    pub fixed: Vec<String>,
    /// Registers that the allocator may use.
    pub registers: u8,
    /// Bytes of stack that a program may use.
    pub stack: u32,
    /// Headers to include before the script.
    pub include: Vec<String>,
}

impl Default for Settings {
    fn default() -> Settings {
        let options = sema::Options::default();
        Settings {
            options,
            config: Config::default(),
            fixed: Vec::new(),
            registers: 10,
            stack: codegen::frame::STACK,
            include: Vec::new(),
        }
    }
}

/// The result of a stage, shown to the caller as it is made.
pub enum Product<'a> {
    /// After the parser.
    Ast(&'a ast::Script),
    /// The settings of the environment and of the script together.
    Config(&'a Config),
    /// After the type checker.
    Typed(&'a tree::Program),
    /// As built.
    Ir(&'a Module),
    /// After the passes.
    Opt(&'a Module),
    /// Instructions of each program.
    Asm(&'a Module, &'a [Code]),
}

/// Takes the C out of the script `file`: directives, macros, definitions, and the headers that it includes.
pub fn prepare(
    sources: &mut SourceMap,
    file: FileId,
    host: &dyn Host,
    settings: &Settings,
    sink: &mut Sink,
) -> Prepared {
    let headers = OfHost { host, before: &settings.include };
    syntax::cpp::prepare(sources, file, &headers, sink)
}

/// The syntax tree of a prepared script.
pub fn parse(sources: &SourceMap, script: &Prepared, sink: &mut Sink) -> ast::Script {
    let mut parsed = syntax::parse(script.file, &sources.file(script.file).text, sink);
    parsed.declarations = script.declarations.clone();
    parsed.objects = script.objects.clone();
    for file in &script.imports {
        let imported = syntax::parse(*file, &sources.file(*file).text, sink);
        syntax::merge(&mut parsed, imported, sink);
    }
    parsed
}

/// Compiles a script. `see` gets the result of each stage and says whether to go on.
///
/// None when there are errors in the sink, or when `see` said to stop.
pub fn compile(
    sources: &SourceMap,
    script: &Prepared,
    host: &dyn Host,
    settings: &Settings,
    sink: &mut Sink,
    see: &mut dyn FnMut(Product) -> bool,
) -> Option<Artifact> {
    let script = parse(sources, script, sink);
    if sink.has_errors() || !see(Product::Ast(&script)) {
        return None;
    }
    let mut settings = settings.clone();
    settings.config.adopt(&script.config, &settings.fixed, sink);
    settings.options.adopt(&settings.config);
    let settings = &settings;
    if sink.has_errors() || !see(Product::Config(&settings.config)) {
        return None;
    }
    let program = sema::analyse(&script, host, &settings.options, sink);
    if sink.has_errors() || !see(Product::Typed(&program)) {
        return None;
    }
    let mut module = ir::build::build(&program, &facts(&program, host, settings), sink);
    count_programs(&module, settings.config.max_bpf_progs, sink);
    if sink.has_errors() || !see(Product::Ir(&module)) {
        return None;
    }
    ir::passes::optimise(&mut module);
    if !see(Product::Opt(&module)) {
        return None;
    }
    outline(&mut module, host, sink);
    if sink.has_errors() {
        return None;
    }
    let codes = generate(&mut module, host, settings, sink)?;
    if !see(Product::Asm(&module, &codes)) {
        return None;
    }
    let options = object::Options {
        kprobe_multi: needs_multi(&module, |kind| !kind.in_user_space()) && host.has(Feature::KprobeMulti),
        uprobe_multi: needs_multi(&module, ProbeKind::in_user_space) && host.has(Feature::UprobeMulti),
    };
    let artifact = object::assemble(&module, codes, sources, options);
    let pin = |(map, of): (usize, &tree::Map)| Some((map, of.pin.clone()?));
    let pins = program.maps.iter().enumerate().filter_map(pin).collect();
    let imports = program.imports.clone();
    let linked = |object: &ast::Object| Linked { name: object.name.clone(), bytes: object.bytes.clone() };
    let objects = script.objects.iter().filter(|_| !imports.is_empty()).map(linked).collect();
    Some(Artifact { config: settings.config.clone(), pins, imports, objects, ..artifact })
}

/// Says so when wildcards became more programs than the settings allow; programs that a script names one by one do not
/// count.
fn count_programs(module: &Module, most: u32, sink: &mut Sink) {
    let mut counts: BTreeMap<u32, (usize, Span)> = BTreeMap::new();
    for program in &module.programs {
        counts.entry(program.function.clause).or_insert((0, program.function.span)).0 += 1;
    }
    let expanded = counts.values().filter(|(count, _)| *count > 1);
    let (mut all, mut last) = (0, Span::default());
    for (count, span) in expanded {
        (all, last) = (all + count, *span);
    }
    if all > most as usize {
        let error = Diagnostic::error(codes::TOO_LARGE, format!("{all} programs, {most} at most"));
        let error = error.at(last, "as many as its attach points need");
        sink.push(error.help(format!("allow more: config = {{ max_bpf_progs = {all} }}")));
    }
}

/// Asked only when there is something to gain: probing costs system calls.
fn needs_multi(module: &Module, of: impl Fn(ProbeKind) -> bool) -> bool {
    module.programs.iter().any(|program| program.attach.len() > 1 && of(program.function.kind))
}

fn facts(program: &tree::Program, host: &dyn Host, settings: &Settings) -> ir::build::Facts {
    let loops = ir::build::has_loops(program);
    let cpus = host.possible_cpus();
    // Pages are 4 KiB on the machines that run this; the kernel takes powers of two only.
    let bytes = |pages: u32| pages.saturating_mul(cpus).saturating_mul(4096).checked_next_power_of_two();
    ir::build::Facts {
        arch: ir::build::Arch::native(),
        atomic_fetch: host.has(Feature::AtomicFetch),
        fronts: ir::build::Arch::native().keeps_order() && host.has(Feature::AtomicFetch),
        comm_offset: (ir::build::uses_comm(program) && host.has(Feature::CurrentTaskBtf))
            .then(|| host.comm_offset())
            .flatten(),
        cookies: host.has(Feature::AttachCookie),
        get_func_ip: host.has(Feature::GetFuncIp),
        ktime_boot: host.has(Feature::KtimeBoot),
        on_demand_hash: host.has(Feature::OnDemandHash),
        long_keys: host.has(Feature::LongKeys),
        for_each_map_elem: (loops || program.maps.iter().any(|map| map.measured))
            && host.has(Feature::ForEachMapElem),
        lookup_percpu: host.has(Feature::LookupPerCpu),
        possible_cpus: cpus,
        ring_bytes: settings.config.perf_rb_pages.and_then(bytes),
    }
}

/// Most rounds of a loop that a program calls by itself: each shows the verifier an open branch, of 8,192.
const CALLED_ROUNDS: u32 = 7_000;

/// Makes loops fit for the kernel's verifier, and functions of those that it would not take in place.
fn outline(module: &mut Module, host: &dyn Host, sink: &mut Sink) {
    if !module.programs.iter().any(|program| ir::outline::has_loops(&program.function)) {
        return;
    }
    ir::outline::forget(module);
    let in_place = host.has(Feature::MayGoto);
    let mechanism = match host.has(Feature::BpfLoop) {
        true => Mechanism::Helper,
        false if in_place => return,
        false => Mechanism::Calls { most: CALLED_ROUNDS },
    };
    for (program, bytes) in ir::outline::module(module, mechanism, in_place) {
        if bytes > PER_CPU_VALUE {
            let span = module.programs[program].function.span;
            let message = format!("the loops of this probe share {bytes} bytes with it");
            let error = Diagnostic::error(codes::TOO_LARGE, message).at(span, "too much to share");
            let note = format!(
                "{PER_CPU_VALUE} bytes at most on kernels that do not count rounds in place (may_goto)"
            );
            sink.push(error.note(note));
        }
    }
}

/// Bytes of a value that the kernel keeps for each CPU (PCPU_MIN_UNIT_SIZE).
const PER_CPU_VALUE: u32 = 32 << 10;

/// Selects instructions for every program. The scratch map is there while frames are laid out, and goes when no
/// program needed it.
fn generate(module: &mut Module, host: &dyn Host, settings: &Settings, sink: &mut Sink) -> Option<Vec<Code>> {
    let scratch = module.maps.push(scratch_map());
    let mut target = Target {
        v4: host.has(Feature::CpuV4),
        gotol: host.has(Feature::Gotol),
        registers: settings.registers,
        stack: settings.stack.saturating_sub(module.import_stack),
        check: cfg!(debug_assertions),
        scratch: None,
        on_stack: settings.config.on_stack_limit.unwrap_or(codegen::frame::LARGE),
    };
    let mut list = select(module, &mut target, (scratch, 1), sink);
    if list.iter().any(|code| code.scratch > PER_CPU_VALUE) && !sink.has_errors() {
        // Every CPU keeps its own in an array for all of them.
        let cpus = host.possible_cpus();
        module.maps[scratch].kind = MapKind::Array;
        module.maps[scratch].max_entries = module.programs.len() as u32 * cpus;
        list = select(module, &mut target, (scratch, cpus), sink);
    }
    let needed = list.iter().map(|code| code.scratch).max().unwrap_or(0);
    let map = &mut module.maps[scratch];
    map.value_size = align_up(needed.max(1), 8);
    // one for all CPUs says itself how many entries it has
    if map.kind.is_per_cpu() {
        map.max_entries = module.programs.len().max(1) as u32;
    }
    if needed == 0 {
        let kept: Vec<MapSpec> = module.maps.values().take(module.maps.len() - 1).cloned().collect();
        module.maps = kept.into_iter().collect();
    }
    (!sink.has_errors()).then_some(list)
}

/// The code of each program, which has `apart` entries of the scratch map to itself.
fn select(
    module: &Module,
    target: &mut Target,
    (scratch, apart): (MapRef, u32),
    sink: &mut Sink,
) -> Vec<Code> {
    let mut list = Vec::with_capacity(module.programs.len());
    for (index, program) in module.programs.iter().enumerate() {
        target.scratch = Some((scratch, index as u32 * apart));
        match codegen::compile(&program.function, &module.maps, target) {
            Ok(code) => list.push(code),
            Err(error) => sink.push(error.diagnostic()),
        }
    }
    list
}

/// [`generate`] sets its sizes by what the programs turn out to need.
fn scratch_map() -> MapSpec {
    MapSpec {
        name: "bt_scratch".into(),
        kind: MapKind::PerCpuArray,
        inner: None,
        key_size: 4,
        value_size: 8,
        max_entries: 1,
        on_demand: false,
        mmap: false,
        role: MapRole::Scratch,
        len_counter: None,
    }
}
