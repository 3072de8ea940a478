//! Arguments of helpers, by the helpers' table.

use super::{Checker, Site};
use crate::ir::entities::{Inst, Value};
use crate::ir::function::{InstData, Provenance, Type};
use crate::ir::helper::{Arg, Helper};
use crate::ir::typing::MapTarget;
use crate::sema::tree::ProbeKind;
use crate::wire::map::MapKind;

impl Checker<'_> {
    pub(super) fn call(&mut self, inst: Inst, helper: Helper, args: &[Value]) {
        let site = Site::Inst(inst);
        let (given, wanted) = (args.len(), helper.args().len());
        if given != wanted {
            return self.error(site, format!("{} takes {wanted} arguments, not {given}", helper.name()));
        }
        for (index, (&arg, kind)) in args.iter().zip(helper.args()).enumerate() {
            self.arg(site, helper, (index, arg), *kind);
        }
        match helper {
            Helper::RingReserve => self.reserve(site, args),
            Helper::RingSubmit => self.int(site, args[1]),
            Helper::RingDiscard => self.constant_of(site, args[1], 0, 2),
            Helper::Comm => self.constant_of(site, args[1], 1, u32::MAX.into()),
            Helper::ProbeReadUser
            | Helper::ProbeReadKernel
            | Helper::ProbeReadUserStr
            | Helper::ProbeReadKernelStr => {
                self.int(site, args[1]);
                let seen =
                    matches!(self.func.def_data(args[1]), Some(InstData::Const(_) | InstData::Clamp { .. }));
                self.check(seen, site, "the size is neither a constant nor a clamp");
            }
            Helper::GetStack => self.constant_of(site, args[2], 8, i32::MAX.into()),
            Helper::MapUpdate => self.int(site, args[3]),
            Helper::MapPush => self.constant_of(site, args[2], 0, 2),
            Helper::ForEachMapElem | Helper::Loop => {
                self.error(site, "functions are called by collect and rounds only")
            }
            Helper::MapLookupPerCpu => self.int(site, args[2]),
            Helper::FuncIp => {
                let fits = matches!(
                    self.func.kind,
                    ProbeKind::Kprobe | ProbeKind::Kretprobe | ProbeKind::Fentry | ProbeKind::Fexit
                );
                self.check(fits, site, "only probes of functions have a function's address");
            }
            _ => {}
        }
    }

    fn arg(&mut self, site: Site, helper: Helper, (index, value): (usize, Value), kind: Arg) {
        let number = index + 1;
        let provenance = self.provenance(value);
        match kind {
            Arg::Map | Arg::Ring => self.map_arg(site, helper, value),
            Arg::Context => {
                let message = format!("argument {number} is not the context");
                self.check(provenance == Some(Provenance::Context), site, &message);
            }
            Arg::Key | Arg::MapValue => {
                let fits = matches!(provenance, Some(Provenance::Stack(_) | Provenance::MapValue(_)));
                self.check(fits, site, &format!("argument {number} is neither in a slot nor in a map value"));
            }
            Arg::Out => self.memory(site, value),
            Arg::MapOut => {
                let fits = matches!(provenance, Some(Provenance::Stack(_)));
                self.check(fits, site, &format!("argument {number} is not in a slot"));
            }
            Arg::Record => {
                let record = matches!(provenance, Some(Provenance::Record(_)));
                self.check(record, site, &format!("argument {number} is not a record"));
            }
            Arg::Any => match self.ty(value) {
                Type::Int => {}
                Type::Ptr(_) => self.memory(site, value),
            },
            Arg::Const => {
                let constant = self.func.as_const(self.func.resolve(value)).is_some();
                self.check(constant, site, &format!("argument {number} is not a constant"));
            }
        }
    }

    fn map_arg(&mut self, site: Site, helper: Helper, value: Value) {
        let Some(target) = MapTarget::of(self.maps, self.func, value) else {
            let ty = self.ty(value);
            return self.error(site, format!("{value} is {ty}, not a map"));
        };
        let per_cpu = target.kind.is_per_cpu();
        let fits = match helper {
            Helper::RingReserve | Helper::RingQuery => target.kind == MapKind::Ring,
            Helper::MapPush | Helper::MapPop | Helper::MapPeek => target.kind.is_sequence(),
            _ if target.kind.is_sequence() => false,
            Helper::MapLookup => target.kind != MapKind::Ring,
            Helper::MapLookupPerCpu => per_cpu,
            _ => !matches!(target.kind, MapKind::Ring | MapKind::Swapped),
        };
        self.check(fits, site, &format!("{} does not work on this kind of map", helper.name()));
    }

    /// Records have a constant size, a multiple of 8.
    fn reserve(&mut self, site: Site, args: &[Value]) {
        self.constant_of(site, args[1], 8, i32::MAX.into());
        self.constant_of(site, args[2], 0, 0);
        let size = self.func.as_const(self.func.resolve(args[1])).unwrap_or(0);
        self.check(size % 8 == 0, site, "the size of a record is a multiple of 8");
    }

    fn constant_of(&mut self, site: Site, value: Value, least: i64, most: i64) {
        let number = self.func.as_const(self.func.resolve(value));
        let fits = number.is_some_and(|number| (least..=most).contains(&number));
        self.check(fits, site, &format!("{value} is not a constant from {least} to {most}"));
    }
}
