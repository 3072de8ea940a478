//! Adding to a map through its front table, see [`crate::wire::front`]: the kernel is asked only for keys that are not
//! there.

use super::func::FuncBuilder;
use super::insert::Initial;
use super::mapop::Entry;
use super::maps::MapInfo;
use super::place::{Memory, Place};
use super::read::TextSource;
use crate::ir::entities::{Block, MapRef, Value};
use crate::ir::function::{BinOp, Cond, Width};
use crate::ir::helper::Helper;
use crate::sema::tree::{Expr, ExprKind, MapId};
use crate::sema::types::Type;
use crate::wire::front::{BUSY, EMPTY, KEY_BYTES, Layout, READY, SLOTS, VALUES};

/// 2^64 divided by the golden ratio: a product's upper bits depend on all bits of the factor.
const SPREAD: i64 = 0x9E37_79B9_7F4A_7C15_u64 as i64;

/// What a map's front table has for a key.
#[derive(Clone, Copy)]
struct Slot {
    layout: Layout,
    /// Its address.
    at: Value,
}

impl<'m> FuncBuilder<'_, 'm> {
    /// As [`FuncBuilder::contribute`] for a key in memory, with a look at the front table first.
    pub fn contribute_in_front(
        &mut self,
        (map, info): (MapId, &MapInfo),
        key: Memory,
        initial: Initial<'_>,
        contribute: impl Fn(&mut Self, Value) -> Option<Value>,
    ) {
        let Some(layout) = info.front else { return };
        let first = self.first_slot(layout);
        let words = self.key_words(key.place, layout.key);
        let slot = self.slot_of(map, layout, first, &words);
        let behind = self.new_block();
        let ahead = self.region(|b| {
            b.go_on_if_short(info, key, behind);
            b.add_ahead(slot, &words, behind, &contribute);
            None
        });
        let behind = self.cold_arm(behind, |b| {
            b.contribute_behind((map, info), key, initial, None, &contribute);
            b.claim((info, slot), key);
            None
        });
        self.join([ahead, behind]);
    }

    /// The same where the key is text that is read: most texts are far shorter than the hash's keys, and these are not
    /// even built. False when `key` is not such a text; nothing was done then.
    pub fn contribute_text_in_front(
        &mut self,
        (map, info): (MapId, &MapInfo),
        key: &'m Expr,
        initial: Initial<'_>,
        contribute: impl Fn(&mut Self, Value) -> Option<Value>,
    ) -> bool {
        let (Some(layout), Some(ty @ Type::Str { .. })) = (info.front, &info.key) else { return false };
        if layout.key == info.key_size || key.ty != *ty {
            return false;
        }
        // a length of the script's, or an array without a NUL, ends elsewhere
        let (ExprKind::LoadStr { length: None, array: false, .. } | ExprKind::DataLoc { .. }) = &key.kind
        else {
            return false;
        };
        let Some(source) = self.text_source(key) else { return false };
        let first = self.first_slot(layout);
        let short = self.temp(KEY_BYTES, "text");
        let fits = self.read_short(short.place, source);
        let words = self.key_words(short.place, KEY_BYTES);
        let slot = self.slot_of(map, layout, first, &words);
        let (is_short, behind) = (self.new_block(), self.new_block());
        self.branch(fits, is_short, behind);
        let ahead = self.arm(is_short, |b| {
            b.add_ahead(slot, &words, behind, &contribute);
            None
        });
        self.release(short);
        let behind = self.cold_arm(behind, |b| {
            b.contribute_text_behind((map, info), slot, source, initial, &contribute);
            None
        });
        self.join([ahead, behind]);
        true
    }

    /// Reads the first bytes of a text, zeros behind its NUL. The result is true when there was one.
    fn read_short(&mut self, to: Place, source: TextSource) -> Value {
        self.zero(to, KEY_BYTES);
        let (to, limit) = (self.address(to), self.iconst(i64::from(KEY_BYTES)));
        let length = self.call(source.helper(), &[to, limit, source.address]);
        // faults are counted by whoever reads it whole
        self.icmp_const(Cond::Ult, length, i64::from(KEY_BYTES))
    }

    /// Adds to the hash under the whole text.
    fn contribute_text_behind(
        &mut self,
        (map, info): (MapId, &MapInfo),
        slot: Slot,
        source: TextSource,
        initial: Initial<'_>,
        contribute: &impl Fn(&mut Self, Value) -> Option<Value>,
    ) {
        // text of the greatest length may write one byte more
        let whole = self.temp(info.key_size + 1, "key");
        self.zero(whole.place, info.key_size);
        self.read_text(whole.place, info.key_size, source);
        self.count_faults();
        self.contribute_behind((map, info), whole, initial, None, contribute);
        // It may have changed since it was read first: it gets a slot then where nobody finds it.
        self.claim((info, slot), whole);
        self.release(whole);
    }

    /// Leaves for `long` with text that a slot has no room for: the last byte that a slot has is no NUL.
    fn go_on_if_short(&mut self, info: &MapInfo, key: Memory, long: Block) {
        let Some(layout) = info.front.filter(|layout| layout.key < info.key_size) else { return };
        let short = self.new_block();
        let last = self.load_at(key.place.at(layout.key - 1), Width::B1, false);
        self.branch(last, long, short);
        self.enter(short);
    }

    /// The words of a key, the last one with zeros above what there is.
    fn key_words(&mut self, key: Place, size: u32) -> Vec<Value> {
        let word = |at: u32| {
            let rest = (size - at).min(8);
            let mut parts = Vec::new();
            let mut offset = 0;
            while offset < rest {
                let width = [Width::B8, Width::B4, Width::B2, Width::B1]
                    .into_iter()
                    .find(|width| width.bytes() <= rest - offset)
                    .unwrap_or(Width::B1);
                parts.push((at + offset, offset * 8, width));
                offset += width.bytes();
            }
            parts
        };
        let words: Vec<_> = (0..size).step_by(8).map(word).collect();
        words.iter().map(|parts| self.key_word(key, parts)).collect()
    }

    /// A word of these parts: offset in the key, shift, width.
    fn key_word(&mut self, key: Place, parts: &[(u32, u32, Width)]) -> Value {
        let mut word = None;
        for (offset, shift, width) in parts {
            let part = self.load_at(key.at(*offset), *width, false);
            let part =
                if *shift == 0 { part } else { self.binary_const(BinOp::Shl, part, i64::from(*shift)) };
            word = Some(match word {
                Some(others) => self.binary(BinOp::Or, others, part),
                None => part,
            });
        }
        word.unwrap_or_else(|| self.iconst(0))
    }

    /// Index of this CPU's first slot. Asked for before the words of the key are at hand, which need the registers.
    fn first_slot(&mut self, layout: Layout) -> Value {
        let cpus = layout.cpus(self.m.facts.possible_cpus);
        let cpu = self.call(Helper::Cpu, &[]);
        let cpu = self.binary_const(BinOp::And, cpu, i64::from(cpus - 1));
        self.binary_const(BinOp::Shl, cpu, i64::from(SLOTS.ilog2()))
    }

    /// Where a key is on this CPU, if it has a slot.
    fn slot_of(&mut self, map: MapId, layout: Layout, first: Value, words: &[Value]) -> Slot {
        let spread = self.iconst(SPREAD);
        let mut hash = self.binary(BinOp::Mul, words[0], spread);
        for word in &words[1..] {
            let mixed = self.binary(BinOp::Xor, hash, *word);
            hash = self.binary(BinOp::Mul, mixed, spread);
        }
        let index = self.binary_const(BinOp::LShr, hash, i64::from(u64::BITS - SLOTS.ilog2()));
        let index = self.binary(BinOp::Or, first, index);
        let slots = layout.cpus(self.m.facts.possible_cpus) * SLOTS;
        let table: MapRef = self.m.front(map, layout, slots);
        let base = self.map_value_addr(table, 0);
        Slot { layout, at: self.element(base, index, slots, layout.slot()) }
    }

    /// Adds to the slot when it is the key's, else goes on at `behind`.
    fn add_ahead(
        &mut self,
        slot: Slot,
        words: &[Value],
        behind: Block,
        contribute: &impl Fn(&mut Self, Value) -> Option<Value>,
    ) {
        let (ready, same) = (self.new_block(), self.new_block());
        let state = self.load(Width::B8, false, slot.at, 0);
        let is_ready = self.icmp_const(Cond::Eq, state, READY);
        self.branch(is_ready, ready, behind);
        // the key is written before the state is set, so it is read after the state
        self.enter(ready);
        let mut differ = None;
        for (offset, word) in (slot.layout.key_offset() as i32..).step_by(8).zip(words) {
            let there = self.load(Width::B8, false, slot.at, offset);
            let change = self.binary(BinOp::Xor, there, *word);
            differ = Some(match differ {
                Some(others) => self.binary(BinOp::Or, others, change),
                None => change,
            });
        }
        let differ = differ.unwrap_or(state);
        self.branch(differ, behind, same);
        self.enter(same);
        let value = self.ptr_add(slot.at, VALUES as i32);
        contribute(self, value);
    }

    /// Gives an empty slot to a key, if the hash has it.
    fn claim(&mut self, (info, slot): (&MapInfo, Slot), key: Memory) {
        let [empty, mine, on] = std::array::from_fn(|_| self.new_block());
        let state = self.load(Width::B8, false, slot.at, 0);
        self.branch(state, on, empty);
        self.enter_cold(empty);
        self.go_on_if_short(info, key, on);
        // a key that found no room in the hash has no slot either
        let (map, address) = (self.map_addr(info.map), self.address(key.place));
        self.look_up(Entry { map, key: address }, on);
        let [none, busy, ready] = [EMPTY, BUSY, READY].map(|state| self.iconst(state));
        let before = self.compare_exchange(slot.at, none, busy);
        self.branch(before, on, mine);
        self.enter_cold(mine);
        let words = self.key_words(key.place, slot.layout.key);
        for (offset, word) in (slot.layout.key_offset() as i32..).step_by(8).zip(words) {
            self.store(Width::B8, slot.at, offset, word);
        }
        self.compare_exchange(slot.at, busy, ready);
        self.jump(on, &[]);
        self.enter_cold(on);
    }
}
