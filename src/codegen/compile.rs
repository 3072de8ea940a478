//! From a function to its code: the order of the steps, and what is tried again when the frame is too large.

use cranelift_entity::{PrimaryMap, SecondaryMap};

use super::callback::Callback;
use super::error::{CodegenError, CodegenErrorKind};
use super::frame::{self, Frame, Lives};
use super::inst::{Code, Target};
use super::lower::{self, Context};
use super::{demote, disasm, emit, lint, peephole, regalloc};
use crate::ir::cfg::Cfg;
use crate::ir::{Function, MapRef, Slot, verify};
use crate::wire::map::MapSpec;

/// Compiles a verified function for a target.
///
/// # Errors
/// When objects or values do not fit the stack, or an internal check fails.
pub fn compile(
    func: &Function,
    maps: &PrimaryMap<MapRef, MapSpec>,
    target: &Target,
) -> Result<Code, CodegenError> {
    Compiler { maps, target, stack: frame::share(func, target.stack) }.function(func, 0)
}

/// What all functions of a program have in common.
struct Compiler<'a> {
    maps: &'a PrimaryMap<MapRef, MapSpec>,
    target: &'a Target,
    /// Bytes of stack for each.
    stack: u32,
}

impl Compiler<'_> {
    /// Compiles a function, whose scratch memory begins at `scratch`, and those that only it runs.
    fn function(&self, func: &Function, scratch: u32) -> Result<Code, CodegenError> {
        let mut code = alone(func, self.maps, self.target, (self.stack, scratch))?;
        let used = code.scratch.max(scratch);
        for callback in &mut code.callbacks {
            if let Callback::Round(round) = callback {
                round.code = self.function(&func.subs[round.sub as usize], used)?;
                code.scratch = code.scratch.max(round.code.scratch);
            }
        }
        Ok(code)
    }
}

/// Compiles one function, with fewer and fewer numbers in registers and on the stack until it fits.
fn alone(
    func: &Function,
    maps: &PrimaryMap<MapRef, MapSpec>,
    target: &Target,
    (stack_limit, scratch): (u32, u32),
) -> Result<Code, CodegenError> {
    let too_large = |result: &Result<Code, CodegenError>| {
        matches!(result, Err(CodegenError { kind: CodegenErrorKind::FrameTooLarge { .. }, .. }))
    };
    let mut result = attempt(func, &[], maps, target, (stack_limit, scratch));
    let mut most = stack_limit as usize / 8;
    while too_large(&result) && target.scratch.is_some() && most > 0 {
        most /= 2;
        if let Some((smaller, slots)) = demote::demote(func, most) {
            debug_assert_eq!(verify::verify(maps, &smaller), Ok(()), "{smaller}");
            result = attempt(&smaller, &slots, maps, target, (stack_limit, scratch));
        }
    }
    result
}

/// Compiles one function as it is. `away` are slots that go to scratch memory.
fn attempt(
    func: &Function,
    away: &[Slot],
    maps: &PrimaryMap<MapRef, MapSpec>,
    target: &Target,
    (stack_limit, scratch): (u32, u32),
) -> Result<Code, CodegenError> {
    let cfg = Cfg::new(func);
    let lives = Lives::new(func, &cfg);
    let mut in_scratch = choose_scratch(func, &lives, target)?;
    away.iter().for_each(|slot| in_scratch[*slot] = true);
    let limit = frame::limit(func, stack_limit);
    loop {
        let frame = Frame::new(func, &lives, &in_scratch, scratch);
        if frame.stack > limit {
            move_largest(func, (&lives, &frame), &mut in_scratch, target, (frame.stack, limit))?;
            continue;
        }
        let context = Context { maps, target, frame: &frame };
        let selected = lower::lower(func, &cfg, context);
        let callbacks = selected.callbacks.clone();
        let options = regalloc::Options { registers: target.registers, check: target.check };
        let mut allocated = regalloc::allocate(selected, frame.stack, options)
            .map_err(|what| CodegenError::internal(func.span, what))?;
        let stack = frame.stack + 8 * allocated.spills;
        if stack > limit {
            move_largest(func, (&lives, &frame), &mut in_scratch, target, (stack, limit))?;
            continue;
        }
        peephole::run(&mut allocated.blocks, frame.stack);
        lower::put_cold_last(&mut allocated.blocks);
        let emit::Emitted { insns, relocs, spans, sealed } =
            emit::emit(&allocated.blocks, target.gotol, func.span);
        let code = Code { insns, relocs, spans, stack, scratch: frame.scratch, callbacks };
        lint::check(maps, &code, &sealed).map_err(|broken| {
            let span = code.spans.get(broken.at).copied().unwrap_or(func.span);
            let text = disasm::program(&code, maps);
            CodegenError::internal(span, format!("rule of generated code broken at {broken}\n{text}"))
        })?;
        return Ok(code);
    }
}

/// Slots that go to scratch memory straight away.
fn choose_scratch(
    func: &Function,
    lives: &Lives,
    target: &Target,
) -> Result<SecondaryMap<Slot, bool>, CodegenError> {
    let mut chosen = SecondaryMap::new();
    for (slot, data) in func.slots.iter() {
        let must = lives.needs_scratch(slot);
        if must && target.scratch.is_none() {
            return Err(no_scratch(func, data.size, slot));
        }
        chosen[slot] =
            must || (target.scratch.is_some() && data.size > target.on_stack && !lives.needs_stack(slot));
    }
    Ok(chosen)
}

/// Moves the largest slot on the stack to scratch memory, and as many more as bring the frame within its limit.
fn move_largest(
    func: &Function,
    (lives, frame): (&Lives, &Frame),
    in_scratch: &mut SecondaryMap<Slot, bool>,
    target: &Target,
    (bytes, room): (u32, u32),
) -> Result<(), CodegenError> {
    let Some(slot) = frame.largest_on_stack(func, lives) else {
        return Err(CodegenError { span: func.span, kind: CodegenErrorKind::FrameTooLarge { bytes, room } });
    };
    if target.scratch.is_none() {
        return Err(no_scratch(func, bytes, slot));
    }
    // all of that size at once: functions with thousands of equal slots are laid out a few times only
    let size = func.slots[slot].size;
    for (slot, data) in func.slots.iter() {
        if data.size == size && !lives.needs_stack(slot) {
            in_scratch[slot] = true;
        }
    }
    Ok(())
}

fn no_scratch(func: &Function, bytes: u32, slot: Slot) -> CodegenError {
    let data = &func.slots[slot];
    let largest = format!("{} ({} bytes)", data.name, data.size);
    CodegenError { span: func.span, kind: CodegenErrorKind::NoScratch { bytes, largest } }
}
