//! What is known of an integer without knowing it: bits that are 0 or 1, an unsigned range, a sign extension.
//!
//! [`Known`] is one value's facts with the rules of each operation; [`Facts`] holds them for every value of a
//! function. Folding, the removal of clamps and the verifier's bounds all rest on it. Sound: whatever a value can be
//! at run time is contained in its facts. Deliberately absent: what dominating branches say (see the pass `bounds`).

use cranelift_entity::SecondaryMap;

use super::cfg::Cfg;
use super::entities::Value;
use super::function::{BinOp, Cond, Function, InstData, UnOp, Width};
use super::helper::Helper;

/// Facts of one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Bits that are 0.
    pub zeros: u64,
    /// Bits that are 1.
    pub ones: u64,
    /// At least this, unsigned.
    pub min: u64,
    /// At most this, unsigned.
    pub max: u64,
    /// The value is the sign extension of its low so many bits, 1 to 64.
    pub signed_bits: u32,
}

impl Default for Known {
    fn default() -> Known {
        Known::ANY
    }
}

impl Known {
    /// Nothing is known.
    pub const ANY: Known = Known { zeros: 0, ones: 0, min: 0, max: u64::MAX, signed_bits: 64 };

    /// Exactly this.
    pub fn constant(value: u64) -> Known {
        Known { zeros: !value, ones: value, min: value, max: value, signed_bits: 64 }.normal()
    }

    /// At most this, unsigned.
    pub fn at_most(max: u64) -> Known {
        Known { max, ..Known::ANY }.normal()
    }

    /// The sign extension of `bits` bits.
    pub fn sign_extended(bits: u32) -> Known {
        Known { signed_bits: bits, ..Known::ANY }
    }

    /// The value, when it can be only one.
    pub fn as_constant(&self) -> Option<u64> {
        (self.min == self.max).then_some(self.min)
    }

    /// False for values that contradict the facts.
    pub fn contains(&self, value: u64) -> bool {
        let spare = 64 - self.signed_bits;
        value & self.zeros == 0
            && value & self.ones == self.ones
            && (self.min..=self.max).contains(&value)
            && ((value << spare) as i64 >> spare) as u64 == value
    }

    /// True when the value is at least 0 as a signed number.
    pub fn is_non_negative(&self) -> bool {
        self.zeros >> 63 == 1
    }

    /// The least and greatest signed value.
    pub fn signed_range(&self) -> (i64, i64) {
        let half = 1i64.checked_shl(self.signed_bits - 1).unwrap_or(0);
        let (low, high) = (half.wrapping_neg(), half.wrapping_sub(1));
        let (low, high) = if self.signed_bits == 64 { (i64::MIN, i64::MAX) } else { (low, high) };
        match (self.min as i64, self.max as i64) {
            // Both ends on one side of the sign: the unsigned range is the signed one.
            (min, max) if (min < 0) == (max < 0) => (low.max(min), high.min(max)),
            _ => (low, high),
        }
    }

    /// What holds of a value that is either.
    pub fn join(self, other: Known) -> Known {
        Known {
            zeros: self.zeros & other.zeros,
            ones: self.ones & other.ones,
            min: self.min.min(other.min),
            max: self.max.max(other.max),
            signed_bits: self.signed_bits.max(other.signed_bits),
        }
    }

    /// Lets each kind of fact tell the others what it can. Contradictions (in code that never runs) give no facts.
    pub(super) fn normal(mut self) -> Known {
        self.max = self.max.min(!self.zeros);
        self.min = self.min.max(self.ones);
        if self.min > self.max {
            return Known::ANY;
        }
        let same = (self.min ^ self.max).leading_zeros();
        let prefix = !u64::MAX.checked_shr(same).unwrap_or(0);
        self.zeros |= !self.min & prefix;
        self.ones |= self.min & prefix;
        let copies = self.zeros.leading_ones().max(self.ones.leading_ones());
        self.signed_bits = self.signed_bits.min(65 - copies.max(1)).max(1);
        self
    }

    /// Facts of `arg` after an operation.
    pub fn unary(op: UnOp, arg: Known) -> Known {
        if let Some((bits, signed)) = op.extension() {
            return if signed { arg.sign_extend(bits) } else { arg.zero_extend(bits) };
        }
        let swapped = |bits: u32| {
            let low = u64::MAX >> (64 - bits);
            let swap = |word: u64| word.swap_bytes() >> (64 - bits);
            Known { zeros: swap(arg.zeros) | !low, ones: swap(arg.ones) & low, ..Known::ANY }.normal()
        };
        match op {
            UnOp::Swap16 => swapped(16),
            UnOp::Swap32 => swapped(32),
            UnOp::Swap64 => swapped(64),
            _ => Known::binary(BinOp::Sub, Known::constant(0), arg),
        }
    }

    fn zero_extend(self, bits: u32) -> Known {
        let low = u64::MAX >> (64 - bits);
        if self.max <= low {
            return self;
        }
        Known { zeros: self.zeros | !low, ones: self.ones & low, ..Known::ANY }.normal()
    }

    fn sign_extend(self, bits: u32) -> Known {
        if self.signed_bits <= bits {
            return self;
        }
        let (low, sign) = (u64::MAX >> (64 - bits), 1 << (bits - 1));
        let mut out = Known { zeros: self.zeros & low, ones: self.ones & low, ..Known::sign_extended(bits) };
        if self.zeros & sign != 0 {
            out.zeros |= !low;
        } else if self.ones & sign != 0 {
            out.ones |= !low;
        }
        out.normal()
    }

    /// Facts after an operation on two values.
    pub fn binary(op: BinOp, a: Known, b: Known) -> Known {
        let wider = a.signed_bits.max(b.signed_bits);
        let out = match op {
            BinOp::And => {
                let max = a.max.min(b.max);
                Known { zeros: a.zeros | b.zeros, ones: a.ones & b.ones, min: 0, max, signed_bits: wider }
            }
            BinOp::Or => {
                let min = a.min.max(b.min);
                Known {
                    zeros: a.zeros & b.zeros,
                    ones: a.ones | b.ones,
                    min,
                    max: u64::MAX,
                    signed_bits: wider,
                }
            }
            BinOp::Xor => Known {
                zeros: a.zeros & b.zeros | a.ones & b.ones,
                ones: a.zeros & b.ones | a.ones & b.zeros,
                signed_bits: wider,
                ..Known::ANY
            },
            BinOp::Add => Known { signed_bits: (wider + 1).min(64), ..a.add(b, false) },
            BinOp::Sub => Known { signed_bits: (wider + 1).min(64), ..a.sub(b) },
            BinOp::Mul => a.mul(b),
            BinOp::UDiv => a.divide(b),
            BinOp::URem => a.remainder(b),
            BinOp::SDiv if a.is_non_negative() && b.is_non_negative() => a.divide(b),
            BinOp::SDiv => Known::sign_extended((a.signed_bits + 1).min(64)),
            BinOp::SRem if a.is_non_negative() && b.is_non_negative() => a.remainder(b),
            BinOp::SRem => Known::sign_extended(a.signed_bits),
            BinOp::Shl | BinOp::LShr | BinOp::AShr => a.shift(op, b),
        };
        out.normal()
    }

    /// Bits by rippling the least and the greatest sum; the range when nothing overflows.
    fn add(self, other: Known, carry: bool) -> Known {
        let most = (!self.zeros).wrapping_add(!other.zeros).wrapping_add(carry.into());
        let least = self.ones.wrapping_add(other.ones).wrapping_add(carry.into());
        let no_carry = !(most ^ self.zeros ^ other.zeros);
        let carries = least ^ self.ones ^ other.ones;
        let known = (self.zeros | self.ones) & (other.zeros | other.ones) & (no_carry | carries);
        let bits = Known { zeros: !most & known, ones: least & known, ..Known::ANY };
        match self.max.checked_add(other.max) {
            Some(max) if !carry => Known { min: self.min + other.min, max, ..bits },
            _ => bits,
        }
    }

    fn sub(self, other: Known) -> Known {
        let inverted = Known { zeros: other.ones, ones: other.zeros, ..Known::ANY };
        let bits = self.add(inverted, true);
        match self.min.checked_sub(other.max) {
            Some(min) => Known { min, max: self.max - other.min, ..bits },
            None => bits,
        }
    }

    fn mul(self, other: Known) -> Known {
        let low = (self.zeros.trailing_ones() + other.zeros.trailing_ones()).min(64);
        let zeros = !u64::MAX.checked_shl(low).unwrap_or(0);
        let bits = Known { zeros, ..Known::ANY };
        match self.max.checked_mul(other.max) {
            Some(max) => Known { min: self.min * other.min, max, ..bits },
            None => bits,
        }
    }

    fn divide(self, other: Known) -> Known {
        match other.min {
            // Division by 0 gives 0.
            0 => Known::at_most(self.max),
            least => Known { min: self.min / other.max, max: self.max / least, ..Known::ANY },
        }
    }

    fn remainder(self, other: Known) -> Known {
        match (other.min, other.as_constant()) {
            (_, Some(modulus)) if modulus.is_power_of_two() => {
                Known::binary(BinOp::And, self, Known::constant(modulus - 1))
            }
            (0, _) => Known::at_most(self.max),
            _ => Known::at_most(self.max.min(other.max - 1)),
        }
    }

    fn shift(self, op: BinOp, count: Known) -> Known {
        let Some(by) = count.as_constant().map(|count| (count & 63) as u32) else {
            return match op {
                BinOp::LShr => Known::at_most(self.max >> if count.max < 64 { count.min } else { 0 }),
                BinOp::AShr if self.is_non_negative() => Known::at_most(self.max),
                BinOp::AShr => Known::sign_extended(self.signed_bits),
                _ => Known::ANY,
            };
        };
        let (low, high) = (!(u64::MAX << by), !(u64::MAX >> by));
        match op {
            BinOp::Shl => {
                let fits = self.max <= u64::MAX >> by;
                let (min, max) = if fits { (self.min << by, self.max << by) } else { (0, u64::MAX) };
                let signed_bits = (self.signed_bits + by).min(64);
                Known { zeros: self.zeros << by | low, ones: self.ones << by, min, max, signed_bits }
            }
            BinOp::AShr if !self.is_non_negative() => {
                let shift = |word: u64| (word as i64 >> by) as u64;
                let signed_bits = self.signed_bits.saturating_sub(by).max(1);
                Known { zeros: shift(self.zeros), ones: shift(self.ones), signed_bits, ..Known::ANY }
            }
            _ => Known {
                zeros: self.zeros >> by | high,
                ones: self.ones >> by,
                min: self.min >> by,
                max: self.max >> by,
                signed_bits: 64,
            },
        }
    }

    /// Facts of the smaller of a value and `most`.
    pub fn clamp(self, most: u64) -> Known {
        match self.max <= most {
            true => self,
            false => Known { min: self.min.min(most), ..Known::at_most(most) }.normal(),
        }
    }

    /// Whether a comparison holds, when that is certain.
    pub fn compare(cond: Cond, a: Known, b: Known) -> Option<bool> {
        let order = |below: bool, not_below: bool| match (below, not_below) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        };
        let ((a_low, a_high), (b_low, b_high)) = (a.signed_range(), b.signed_range());
        match cond {
            Cond::Eq => {
                let differ = a.max < b.min || b.max < a.min || a.ones & b.zeros != 0 || a.zeros & b.ones != 0;
                let equal = a.as_constant().is_some() && a.as_constant() == b.as_constant();
                order(equal, differ || a_high < b_low || b_high < a_low)
            }
            Cond::Ult => order(a.max < b.min, a.min >= b.max),
            Cond::Ule => order(a.max <= b.min, a.min > b.max),
            Cond::Slt => order(a_high < b_low, a_low >= b_high),
            Cond::Sle => order(a_high <= b_low, a_low > b_high),
            Cond::Ne | Cond::Ugt | Cond::Uge | Cond::Sgt | Cond::Sge => {
                Known::compare(cond.inverse(), a, b).map(|holds| !holds)
            }
        }
    }

    /// Facts of a value loaded from memory.
    pub fn load(width: Width, signed: bool) -> Known {
        match (width, signed) {
            (Width::B8, _) => Known::ANY,
            (_, true) => Known::sign_extended(width.bytes() * 8),
            (_, false) => Known::at_most(u64::MAX >> (64 - width.bytes() * 8)),
        }
    }
}

/// Facts of the values of a function.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    known: SecondaryMap<Value, Known>,
}

impl Facts {
    /// One walk in reverse postorder; parameters take what all their arguments have in common, or nothing where an
    /// argument comes from further on.
    pub fn new(func: &Function, cfg: &Cfg) -> Facts {
        let mut facts = Facts::default();
        facts.known.resize(func.values.len());
        for block in cfg.reverse_postorder() {
            facts.enter(func, cfg, block);
            for &inst in &func.blocks[block].insts {
                if let Some(result) = func.result(inst) {
                    facts.known[result] = facts.of_inst(func, &func.insts[inst]);
                }
            }
        }
        facts
    }

    /// Finds the facts of a block's parameters from those of the arguments.
    pub fn enter(&mut self, func: &Function, cfg: &Cfg, block: super::Block) {
        let ahead = cfg.preds(block).iter().any(|edge| cfg.position(edge.from) >= cfg.position(block));
        if ahead {
            return;
        }
        for (index, &param) in func.blocks[block].params.iter().enumerate() {
            let args = cfg.preds(block).iter().filter_map(|edge| func.edge_arg(*edge, index));
            let joined = args.map(|arg| self.of(func, arg)).reduce(Known::join);
            self.known[param] = joined.unwrap_or(Known::ANY);
        }
    }

    /// What is known of a value.
    pub fn of(&self, func: &Function, value: Value) -> Known {
        self.known[func.resolve(value)]
    }

    /// Says what is known of a value.
    pub fn set(&mut self, value: Value, known: Known) {
        self.known[value] = known;
    }

    /// What is known of an instruction's result.
    pub fn of_inst(&self, func: &Function, data: &InstData) -> Known {
        let of = |value: &Value| self.of(func, *value);
        match data {
            InstData::Const(number) => Known::constant(*number as u64),
            InstData::Unary { op, arg } => Known::unary(*op, of(arg)),
            InstData::Binary { op, left, right } => Known::binary(*op, of(left), of(right)),
            InstData::Icmp { cond, left, right } => match Known::compare(*cond, of(left), of(right)) {
                Some(holds) => Known::constant(holds.into()),
                None => Known::at_most(1),
            },
            InstData::Clamp { arg, max } => of(arg).clamp((*max).into()),
            InstData::MemEq { .. } => Known::at_most(1),
            InstData::Load { width, signed, .. } => Known::load(*width, *signed),
            InstData::AtomicFetchAdd { width, .. } => Known::load(*width, false),
            InstData::Call { helper: Helper::Random | Helper::Cpu, .. } => Known::at_most(u32::MAX.into()),
            _ => Known::ANY,
        }
    }
}

impl Function {
    /// The argument that an edge gives for a parameter of its target.
    pub fn edge_arg(&self, edge: super::cfg::Edge, param: usize) -> Option<Value> {
        let targets = self.blocks[edge.from].terminator.as_ref()?.targets();
        targets.get(edge.index as usize)?.args.get(param).map(|arg| self.resolve(*arg))
    }
}

#[cfg(test)]
mod tests {
    use super::Known;
    use crate::ir::fuzz::Random;
    use crate::ir::names::Words;
    use crate::ir::{BinOp, Cond, UnOp};

    fn word(random: &mut Random) -> u64 {
        let word = random.bits() >> random.below(64);
        match random.below(4) {
            0 => !word,
            1 => word & (random.bits() << random.below(64)),
            2 => random.below(130),
            _ => word,
        }
    }

    /// A few words and the facts that they have in common.
    fn words(random: &mut Random) -> (Vec<u64>, Known) {
        let words: Vec<_> = (0..1 + random.below(4)).map(|_| word(random)).collect();
        let known = words.iter().map(|word| Known::constant(*word)).reduce(Known::join).unwrap();
        (words, known)
    }

    #[test]
    fn every_rule_contains_what_can_happen() {
        let mut random = Random::new(11);
        for _ in 0..20_000 {
            let ((left, a), (right, b)) = (words(&mut random), words(&mut random));
            let (binary, unary, cond) =
                (*random.pick(BinOp::ALL), *random.pick(UnOp::ALL), *random.pick(Cond::ALL));
            for &l in &left {
                assert!(a.contains(l), "{l:x} not in {a:x?}");
                let (low, high) = a.signed_range();
                assert!((low..=high).contains(&(l as i64)), "{l:x} not in signed range of {a:x?}");
                let result = unary.eval(l);
                assert!(Known::unary(unary, a).contains(result), "{unary:?} {l:x}: {result:x}, {a:x?}");
                for &r in &right {
                    let result = binary.eval(l, r);
                    let known = Known::binary(binary, a, b);
                    assert!(known.contains(result), "{l:x} {binary:?} {r:x} = {result:x}, {known:x?}");
                    let holds = Known::compare(cond, a, b).unwrap_or(cond.eval(l, r));
                    assert_eq!(holds, cond.eval(l, r), "{l:x} {cond:?} {r:x}, {a:x?} {b:x?}");
                }
            }
        }
    }

    #[test]
    fn rules_are_as_sharp_as_the_passes_need() {
        let byte = Known::at_most(255);
        assert_eq!(Known::unary(UnOp::Zext8, byte), byte);
        assert_eq!(Known::unary(UnOp::Sext32, byte), byte);
        assert_eq!(Known::binary(BinOp::Add, byte, Known::constant(1)).max, 256);
        assert_eq!(Known::binary(BinOp::URem, Known::ANY, Known::constant(10)).max, 9);
        assert_eq!(Known::binary(BinOp::LShr, Known::ANY, Known::constant(60)).max, 15);
        assert_eq!(Known::binary(BinOp::Sub, Known::constant(63), Known::at_most(63)).max, 63);
        assert_eq!(Known::compare(Cond::Ult, byte, Known::constant(256)), Some(true));
        assert_eq!(Known::compare(Cond::Slt, byte, Known::constant(0)), Some(false));
    }
}
