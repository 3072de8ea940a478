//! Builtin values.

use super::arch::Argument;
use super::func::{FuncBuilder, NameSource};
use super::module::System;
use crate::diag::{Diagnostic, codes};
use crate::ir::entities::Value;
use crate::ir::function::{BinOp, UnOp, Width};
use crate::ir::helper::Helper;
use crate::sema::tree::{Attach, Builtin, ProbeKind};
use crate::sema::types::Space;
use crate::wire::map::Global;

impl FuncBuilder<'_, '_> {
    /// The value of a builtin that is a number.
    pub fn builtin(&mut self, builtin: Builtin) -> Value {
        match builtin {
            Builtin::Pid => self.half(Helper::PidTgid, true),
            Builtin::Tid => self.half(Helper::PidTgid, false),
            Builtin::Uid => self.half(Helper::UidGid, false),
            Builtin::Gid => self.half(Helper::UidGid, true),
            Builtin::Cpu => self.call(Helper::Cpu, &[]),
            Builtin::Nsecs => self.nsecs(),
            Builtin::Elapsed => {
                let now = self.nsecs();
                let globals = self.m.system(System::Globals);
                let start = self.map_value_addr(globals, Global::Start as u32 * 8);
                let start = self.load(Width::B8, false, start, 0);
                self.binary(BinOp::Sub, now, start)
            }
            Builtin::Probe | Builtin::UserFunction => match self.source {
                NameSource::Cookie => self.call(Helper::AttachCookie, &[self.context]),
                NameSource::Constant(index) => self.iconst(i64::from(index)),
                NameSource::Unused => self.iconst(0),
            },
            Builtin::Func => self.function_address(),
            Builtin::Curtask => self.call(Helper::CurrentTask, &[]),
            Builtin::Rand => self.call(Helper::Random, &[]),
            Builtin::Cgroup => self.call(Helper::CgroupId, &[]),
            Builtin::Arg(n) => self.function_argument(n),
            Builtin::Retval => self.register(self.m.facts.arch.result()),
            Builtin::Stack(spec) => self.stack(spec),
            Builtin::NsecsMonotonic => self.call(Helper::KtimeNs, &[]),
            Builtin::NsecsTai => self.call(Helper::KtimeTaiNs, &[]),
            Builtin::Jiffies => self.call(Helper::Jiffies, &[]),
            Builtin::Numa => self.call(Helper::NumaNode, &[]),
            // Text: written where it is wanted, never a number.
            Builtin::Comm => self.iconst(0),
        }
    }

    /// One half of a helper's result.
    fn half(&mut self, helper: Helper, upper: bool) -> Value {
        let both = self.call(helper, &[]);
        if upper { self.binary_const(BinOp::LShr, both, 32) } else { self.unary(UnOp::Zext32, both) }
    }

    fn nsecs(&mut self) -> Value {
        self.call(if self.m.facts.ktime_boot { Helper::KtimeBootNs } else { Helper::KtimeNs }, &[])
    }

    /// A register of the traced code.
    fn register(&mut self, offset: i32) -> Value {
        self.load(Width::B8, false, self.context, offset)
    }

    fn function_argument(&mut self, n: u8) -> Value {
        if self.probe.kind == ProbeKind::Rawtracepoint {
            return self.register(i32::from(n) * 8);
        }
        match self.m.facts.arch.argument(n) {
            Argument::Register(offset) => self.register(offset),
            Argument::Stack(offset) => {
                let stack = self.register(self.m.facts.arch.stack_pointer());
                let address = self.binary_const(BinOp::Add, stack, offset);
                let temp = self.temp(8, "temp");
                let user = self.probe.kind.in_user_space();
                let space = if user { Space::User } else { Space::Kernel };
                self.probe_read(temp.place, 8, address, space);
                let value = self.load_at(temp.place, Width::B8, false);
                self.release(temp);
                value
            }
        }
    }

    /// The address of the traced function, or one within it: user space finds the symbol around it.
    fn function_address(&mut self) -> Value {
        let facts = self.m.facts;
        // bpf_get_func_ip knows entries and returns only; from 6.0 on it gives 0 within a function.
        let within = |target: &Attach| matches!(target, Attach::Kprobe { offset, .. } if *offset != 0);
        if facts.get_func_ip && !self.attach.iter().any(|attach| within(&attach.target)) {
            return self.call(Helper::FuncIp, &[self.context]);
        }
        if !matches!(self.probe.kind, ProbeKind::Kprobe | ProbeKind::Uprobe) {
            let message = "func needs bpf_get_func_ip, which this kernel does not have";
            self.m.sink.push(
                Diagnostic::error(codes::MISSING_FEATURE, message)
                    .at(self.span, "")
                    .note("the kernel has it from 5.15 on")
                    .help("use `probe`, which names the attach point"),
            );
            return self.iconst(0);
        }
        let next = self.register(facts.arch.instruction_pointer());
        match facts.arch.breakpoint_length() {
            0 => next,
            length => self.binary_const(BinOp::Sub, next, length),
        }
    }
}
