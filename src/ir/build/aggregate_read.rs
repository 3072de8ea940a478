//! Reading aggregations: `(int64)@c`, `@m[k] > 5`, the values of a loop over a map.
//!
//! A value that every CPU keeps for itself is put together from all CPUs, one after the other: what other CPUs add
//! meanwhile may be in or not. Where the kernel cannot look at another CPU's value ([`super::maps`]), sums are shared
//! between CPUs instead, and read at once.
//!
//! `stats` is a record: how many, their average, their sum. Deliberately absent: histograms and time series.

use super::func::FuncBuilder;
use super::mapop::Entry;
use super::maps::MapInfo;
use super::place::Place;
use crate::diag::{Diagnostic, codes};
use crate::ir::entities::Value;
use crate::ir::function::{BinOp, Cond, Type as IrType, Width};
use crate::ir::helper::Helper;
use crate::sema::tree::{Aggregate, Expr, MapId, MapValue};

/// Bytes of the record that `stats` is: three words.
const RECORD: u32 = 24;

/// The two words of a value: total and count, best and set.
type Words = [Value; 2];

impl<'m> FuncBuilder<'_, 'm> {
    /// The number that an aggregation is at a key: 0 when there is no such key.
    pub fn aggregate_get(&mut self, map: MapId, kind: &Aggregate, key: Option<&'m Expr>) -> Value {
        let info = self.info(map);
        let key = self.key(&info, key);
        if info.is_direct() {
            let found = self.map_value_addr(info.map, 0);
            let words = self.words(kind, found);
            return self.as_number(kind, words);
        }
        let missing = self.new_block();
        let entry = self.entry(&info, key, missing);
        let found = self.look_up(entry, missing);
        let value = self.aggregate_at(&info, kind, entry, found);
        self.release(key);
        self.or_else(missing, value, 0)
    }

    /// The number that an aggregation is at an entry whose value (this CPU's) was found.
    pub fn aggregate_at(&mut self, info: &MapInfo, kind: &Aggregate, entry: Entry, found: Value) -> Value {
        let words = self.words_at(info, kind, entry, found);
        self.as_number(kind, words)
    }

    fn words_at(&mut self, info: &MapInfo, kind: &Aggregate, entry: Entry, found: Value) -> Words {
        if !info.kind.is_per_cpu() {
            self.words(kind, found)
        } else if self.m.facts.lookup_percpu {
            self.all_cpus(kind, entry)
        } else {
            self.report_no_lookup("reading");
            self.words(kind, found)
        }
    }

    pub(super) fn report_no_lookup(&mut self, what: &str) {
        let message = format!(
            "{what} min() and max() needs bpf_map_lookup_percpu_elem, which this kernel does not have"
        );
        self.m.sink.push(
            Diagnostic::error(codes::MISSING_FEATURE, message)
                .at(self.span, "")
                .note("the kernel has it from 5.19 on")
                .help("`print` shows the whole map on every kernel"),
        );
    }

    fn words(&mut self, kind: &Aggregate, at: Value) -> Words {
        let first = self.load(Width::B8, false, at, 0);
        let second = match kind {
            Aggregate::Count | Aggregate::Sum { .. } => first,
            _ => self.load(Width::B8, false, at, 8),
        };
        [first, second]
    }

    /// What the values of all CPUs make together.
    fn all_cpus(&mut self, kind: &Aggregate, entry: Entry) -> Words {
        let [head, round, skip, next, done] = std::array::from_fn(|_| self.new_block());
        let [cpu, first, second] = [(); 3].map(|()| self.func.add_param(head, IrType::Int));
        let zero = self.iconst(0);
        self.jump(head, &[zero, zero, zero]);
        self.enter(head);
        let more = self.icmp_const(Cond::Ult, cpu, self.m.facts.possible_cpus.max(1).into());
        self.branch(more, round, done);
        self.enter(round);
        let value = self.call(Helper::MapLookupPerCpu, &[entry.map, entry.key, cpu]);
        let value = self.non_null(value, skip);
        let words = self.words(kind, value);
        let [new_first, new_second] = [(); 2].map(|()| self.func.add_param(next, IrType::Int));
        let words = self.combined(kind, [first, second], words);
        self.jump(next, &words);
        self.enter_cold(skip);
        self.jump(next, &[first, second]);
        self.enter(next);
        let cpu = self.binary_const(BinOp::Add, cpu, 1);
        self.jump(head, &[cpu, new_first, new_second]);
        self.enter(done);
        [first, second]
    }

    fn combined(&mut self, kind: &Aggregate, all: Words, one: Words) -> Words {
        let better = match kind {
            Aggregate::Min { signed: true } => Cond::Slt,
            Aggregate::Min { signed: false } => Cond::Ult,
            Aggregate::Max { signed: true } => Cond::Sgt,
            Aggregate::Max { signed: false } => Cond::Ugt,
            Aggregate::Count | Aggregate::Sum { .. } => {
                return [self.binary(BinOp::Add, all[0], one[0]), all[1]];
            }
            _ => {
                let sums = [0, 1].map(|word| self.binary(BinOp::Add, all[word], one[word]));
                return sums;
            }
        };
        // Taken when it is set, and nothing was before or it is better.
        let is_better = self.icmp(better, one[0], all[0]);
        let is_first = self.icmp_const(Cond::Eq, all[1], 0);
        let wanted = self.binary(BinOp::Or, is_better, is_first);
        let is_set = self.icmp_const(Cond::Ne, one[1], 0);
        let take = self.binary(BinOp::And, wanted, is_set);
        let (yes, no) = (self.new_block(), self.new_block());
        let joint = self.new_block();
        let result = [(); 2].map(|()| self.func.add_param(joint, IrType::Int));
        self.branch(take, yes, no);
        self.enter(yes);
        self.jump(joint, &one);
        self.enter(no);
        self.jump(joint, &all);
        self.enter(joint);
        result
    }

    fn as_number(&mut self, kind: &Aggregate, [first, second]: Words) -> Value {
        match kind {
            Aggregate::Avg { signed: true } => self.binary(BinOp::SDiv, first, second),
            Aggregate::Avg { signed: false } => self.binary(BinOp::UDiv, first, second),
            _ => first,
        }
    }

    /// Writes the record that `stats` is at a key; all zero when there is no such key.
    pub fn write_stats(&mut self, to: Place, map: MapId, kind: &Aggregate, key: Option<&'m Expr>) {
        let info = self.info(map);
        let key = self.key(&info, key);
        if info.is_direct() {
            let found = self.map_value_addr(info.map, 0);
            let words = self.words(kind, found);
            return self.write_record(to, kind, words);
        }
        let missing = self.new_block();
        let entry = self.entry(&info, key, missing);
        let found = self.look_up(entry, missing);
        let there = self.region(|b| {
            let words = b.words_at(&info, kind, entry, found);
            b.write_record(to, kind, words);
            None
        });
        let not_there = self.arm(missing, |b| {
            b.zero(to, RECORD);
            None
        });
        self.join([there, not_there]);
        self.release(key);
    }

    fn write_record(&mut self, to: Place, kind: &Aggregate, [total, count]: Words) {
        let op = if matches!(kind, Aggregate::Stats { signed: true }) { BinOp::SDiv } else { BinOp::UDiv };
        let average = self.binary(op, total, count);
        for (at, value) in [count, average, total].into_iter().enumerate() {
            self.store_at(to.at(at as u32 * 8), Width::B8, value);
        }
    }

    /// The aggregation that a map holds.
    pub fn aggregation(&self, map: MapId) -> Option<&'m Aggregate> {
        match &self.m.program.maps[map.0 as usize].value {
            MapValue::Aggregate(kind) => Some(kind),
            MapValue::Plain(_) => None,
        }
    }
}
