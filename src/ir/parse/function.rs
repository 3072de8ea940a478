//! Reads one function.

use cranelift_entity::{EntityRef, packed_option::ReservedValue};
use smallvec::SmallVec;

use super::lex::Token;
use super::{ParseError, Parser, Result};
use crate::ir::entities::{Block, Inst, Slot, Value};
use crate::ir::function::{
    BinOp, BlockData, Cond, Function, InstData, SlotData, Target, Terminator, Type, UnOp, ValueData,
    ValueDef, Width,
};
use crate::ir::helper::Helper;
use crate::ir::names::Words;
use crate::sema::tree::ProbeKind;
use crate::source::Span;

/// The function that begins at the parser's place.
pub(super) fn parse(parser: &mut Parser) -> Result<Function> {
    FunctionParser::new(parser)?.finish()
}

struct FunctionParser<'p> {
    parser: &'p mut Parser,
    func: Function,
    values: Vec<Option<ValueData>>,
    blocks: Vec<Option<BlockData>>,
    /// Values and blocks that were named, with the line.
    used_values: Vec<(Value, u32)>,
    used_blocks: Vec<(Block, u32)>,
}

impl<'p> FunctionParser<'p> {
    fn new(parser: &'p mut Parser) -> Result<FunctionParser<'p>> {
        parser.keyword("function")?;
        let name = parser.word()?;
        let kind: ProbeKind = parser.member("a kind of probe")?;
        parser.keyword("clause")?;
        let clause = parser.unsigned()?;
        parser.sign('{')?;
        let func = Function::new(name, kind, clause, Span::default());
        let (values, blocks, used_values, used_blocks) = Default::default();
        Ok(FunctionParser { parser, func, values, blocks, used_values, used_blocks })
    }

    fn finish(mut self) -> Result<Function> {
        while matches!(self.parser.peek(), Some(Token::Word(word)) if word.starts_with("slot")) {
            self.slot()?;
        }
        while !self.parser.eat_sign('}') {
            self.block()?;
        }
        self.check_uses()?;
        self.fill()
    }

    fn slot(&mut self) -> Result<()> {
        let slot: Slot = self.parser.entity("slot")?;
        if slot.index() < self.func.slots.len() {
            return self.parser.error(format!("{slot} is out of order"));
        }
        while self.func.slots.next_key() != slot {
            self.func.slots.push(SlotData { size: 0, align: 1, name: String::new() });
        }
        self.parser.sign('=')?;
        let size = self.parser.unsigned()?;
        self.parser.keyword("align")?;
        let align = self.parser.unsigned()?;
        let name = self.parser.text()?;
        self.func.slots.push(SlotData { size, align, name });
        Ok(())
    }

    fn block(&mut self) -> Result<()> {
        let block: Block = self.parser.entity("block")?;
        let mut data = BlockData::default();
        if self.parser.eat_sign('(') {
            while !self.parser.eat_sign(')') {
                let value: Value = self.parser.entity("v")?;
                self.parser.sign(':')?;
                let ty = self.parser.ty()?;
                self.define(value, ValueData { ty, def: ValueDef::Param(block, data.params.len() as u32) })?;
                data.params.push(value);
                self.parser.eat_sign(',');
            }
        }
        self.parser.sign(':')?;
        while data.terminator.is_none() {
            self.line(&mut data)?;
        }
        let index = block.index();
        if self.blocks.len() <= index {
            self.blocks.resize(index + 1, None);
        }
        if self.blocks[index].replace(data).is_some() {
            return self.parser.error(format!("{block} is defined twice"));
        }
        self.func.layout.push(block);
        Ok(())
    }

    /// One instruction or the terminator.
    fn line(&mut self, data: &mut BlockData) -> Result<()> {
        let word = self.parser.word()?;
        if let Some(terminator) = self.terminator(&word)? {
            data.terminator = Some(terminator);
            data.terminator_span = self.parser.span();
            return Ok(());
        }
        let is_value = word.strip_prefix('v').is_some_and(|number| number.parse::<u32>().is_ok());
        let (result, ty, word) = if is_value {
            let value: Value = self.parser.entity_of(&word, "v")?;
            let ty = if self.parser.eat_sign(':') { self.parser.ty()? } else { Type::Int };
            self.parser.sign('=')?;
            (Some(value), ty, self.parser.word()?)
        } else {
            (None, Type::Int, word)
        };
        let inst_data = self.inst(&word)?;
        let span = self.parser.span();
        let inst = self.func.make_inst(inst_data, None, span);
        if let Some(value) = result {
            self.define(value, ValueData { ty, def: ValueDef::Result(inst) })?;
            self.func.results[inst] = value.into();
        }
        data.insts.push(inst);
        Ok(())
    }

    fn terminator(&mut self, word: &str) -> Result<Option<Terminator>> {
        Ok(Some(match word {
            "jump" => Terminator::Jump(self.target()?),
            "branch" => {
                let cond = self.value()?;
                Terminator::Branch { cond, then: self.next_target()?, otherwise: self.next_target()? }
            }
            "br_null" => {
                let ptr = self.value()?;
                Terminator::BrNull { ptr, null: self.next_target()?, non_null: self.next_target()? }
            }
            "may_go" => Terminator::MayGo { go: self.target()?, stop: self.next_target()? },
            "return" => Terminator::Return(self.value()?),
            _ => return Ok(None),
        }))
    }

    fn next_target(&mut self) -> Result<Target> {
        self.parser.sign(',')?;
        self.target()
    }

    fn target(&mut self) -> Result<Target> {
        let block: Block = self.parser.entity("block")?;
        self.used_blocks.push((block, self.line_number()));
        let args = if self.parser.eat_sign('(') { self.values()? } else { SmallVec::new() };
        Ok(Target { block, args: args.into_iter().collect() })
    }

    /// The values up to the closing parenthesis.
    fn values(&mut self) -> Result<SmallVec<[Value; 5]>> {
        let mut values = SmallVec::new();
        while !self.parser.eat_sign(')') {
            values.push(self.value()?);
            self.parser.eat_sign(',');
        }
        Ok(values)
    }

    fn value(&mut self) -> Result<Value> {
        let value = self.parser.entity("v")?;
        self.used_values.push((value, self.line_number()));
        Ok(value)
    }

    fn next_value(&mut self) -> Result<Value> {
        self.parser.sign(',')?;
        self.value()
    }

    fn line_number(&self) -> u32 {
        self.parser.tokens[self.parser.at.saturating_sub(1)].1
    }

    /// `[v1 + 8]`
    fn place(&mut self) -> Result<(Value, i32)> {
        self.parser.sign('[')?;
        let base = self.value()?;
        let negative = self.parser.peek() == Some(&Token::Sign('-'));
        let offset = if negative || self.parser.eat_sign('+') { self.parser.number()? } else { 0 };
        self.parser.sign(']')?;
        match i32::try_from(offset) {
            Ok(offset) => Ok((base, offset)),
            Err(_) => self.parser.error("an offset has 32 bits"),
        }
    }

    fn place_and_value(&mut self) -> Result<(Value, i32, Value)> {
        let (base, offset) = self.place()?;
        Ok((base, offset, self.next_value()?))
    }

    fn inst(&mut self, word: &str) -> Result<InstData> {
        if let Some(op) = BinOp::from_word(word) {
            return Ok(InstData::Binary { op, left: self.value()?, right: self.next_value()? });
        }
        if let Some(op) = UnOp::from_word(word) {
            return Ok(InstData::Unary { op, arg: self.value()? });
        }
        if let Some(cond) = word.strip_prefix("icmp.").and_then(Cond::from_word) {
            return Ok(InstData::Icmp { cond, left: self.value()?, right: self.next_value()? });
        }
        match word {
            "const" => Ok(InstData::Const(self.parser.number()?)),
            "slot_addr" => Ok(InstData::SlotAddr { slot: self.parser.entity("slot")? }),
            "map_addr" => Ok(InstData::MapAddr { map: self.parser.entity("map")? }),
            "map_value_addr" => {
                let map = self.parser.entity("map")?;
                self.parser.sign('+')?;
                Ok(InstData::MapValueAddr { map, offset: self.parser.unsigned()? })
            }
            "ptr_add" => {
                let base = self.value()?;
                self.parser.sign(',')?;
                Ok(InstData::PtrAdd { base, offset: self.parser.number()? })
            }
            "ptr_index" => self.ptr_index(),
            "address" => Ok(InstData::Address { base: self.value()? }),
            "clamp" => Ok(InstData::Clamp { arg: self.value()?, max: self.next_len()? }),
            "context_addr" => Ok(InstData::ContextAddr { base: self.value()?, offset: self.next_value()? }),
            "non_null" => Ok(InstData::NonNull { arg: self.value()? }),
            "call" => self.call(),
            "call_import" => self.call_import(),
            _ => self.memory_inst(word),
        }
    }

    fn ptr_index(&mut self) -> Result<InstData> {
        let (base, index) = (self.value()?, self.next_value()?);
        self.parser.sign(',')?;
        self.parser.keyword("count")?;
        let count = self.parser.unsigned()?;
        self.parser.sign(',')?;
        self.parser.keyword("scale")?;
        let scale = self.parser.unsigned()?;
        let in_bounds = self.parser.eat_sign(',');
        if in_bounds {
            self.parser.keyword("in_bounds")?;
        }
        Ok(InstData::PtrIndex { base, index, count, scale, in_bounds })
    }

    fn call(&mut self) -> Result<InstData> {
        let name = self.parser.word()?;
        let Some(helper) = Helper::from_name(&name) else {
            return self.parser.error(format!("no helper {name}"));
        };
        self.parser.sign('(')?;
        Ok(InstData::Call { helper, args: self.values()? })
    }

    fn call_import(&mut self) -> Result<InstData> {
        let function = self.parser.unsigned()?;
        self.parser.sign('(')?;
        Ok(InstData::CallImport { function, args: self.values()? })
    }

    fn memory_inst(&mut self, word: &str) -> Result<InstData> {
        let (name, kind) = word.split_once('.').unwrap_or((word, ""));
        let width = Width::from_word(&kind.replace('i', "u"));
        match (name, width) {
            ("load", Some(width)) => {
                let (base, offset) = self.place()?;
                Ok(InstData::Load { width, signed: kind.starts_with('i'), base, offset })
            }
            ("store", Some(width)) => {
                let (base, offset, value) = self.place_and_value()?;
                Ok(InstData::Store { width, base, offset, value })
            }
            ("atomic_add", Some(width)) => {
                let (base, offset, value) = self.place_and_value()?;
                Ok(InstData::AtomicAdd { width, base, offset, value })
            }
            ("atomic_fetch_add", Some(width)) => {
                let (base, offset, value) = self.place_and_value()?;
                Ok(InstData::AtomicFetchAdd { width, base, offset, value })
            }
            ("atomic_cmpxchg", Some(Width::B8)) => {
                let (base, offset, expected) = self.place_and_value()?;
                Ok(InstData::AtomicCmpXchg { base, offset, expected, value: self.next_value()? })
            }
            ("zero", None) => {
                let (base, offset) = self.place()?;
                Ok(InstData::Zero { base, offset, len: self.next_len()? })
            }
            ("copy", None) => {
                let ((to, to_offset), (from, from_offset)) = self.two_places()?;
                Ok(InstData::Copy { to, to_offset, from, from_offset, len: self.next_len()? })
            }
            ("collect", None) => {
                let (map, state) = (self.value()?, self.next_value()?);
                self.parser.sign(',')?;
                let into = self.parser.entity("map")?;
                Ok(InstData::Collect { map, state, into, capacity: self.next_len()? })
            }
            ("mem_eq", None) => {
                let ((left, left_offset), (right, right_offset)) = self.two_places()?;
                Ok(InstData::MemEq { left, left_offset, right, right_offset, len: self.next_len()? })
            }
            _ => self.parser.error(format!("no instruction {word}")),
        }
    }

    fn two_places(&mut self) -> Result<((Value, i32), (Value, i32))> {
        let first = self.place()?;
        self.parser.sign(',')?;
        Ok((first, self.place()?))
    }

    fn next_len(&mut self) -> Result<u32> {
        self.parser.sign(',')?;
        self.parser.unsigned()
    }

    fn define(&mut self, value: Value, data: ValueData) -> Result<()> {
        let index = value.index();
        if self.values.len() <= index {
            self.values.resize(index + 1, None);
        }
        match self.values[index].replace(data) {
            Some(_) => self.parser.error(format!("{value} is defined twice")),
            None => Ok(()),
        }
    }

    fn check_uses(&self) -> Result<()> {
        for &(value, line) in &self.used_values {
            if !matches!(self.values.get(value.index()), Some(Some(_))) {
                return Err(ParseError { line, message: format!("{value} is not defined") });
            }
        }
        for &(block, line) in &self.used_blocks {
            if !matches!(self.blocks.get(block.index()), Some(Some(_))) {
                return Err(ParseError { line, message: format!("{block} is not defined") });
            }
        }
        Ok(())
    }

    /// Moves values and blocks into the function; numbers that nobody defined become values and blocks that are
    /// gone, as passes leave them.
    fn fill(mut self) -> Result<Function> {
        let mut gone = Inst::reserved_value();
        for data in self.values {
            if data.is_none() && gone.is_reserved_value() {
                gone = self.func.make_inst(InstData::Const(0), None, Span::default());
            }
            self.func.values.push(data.unwrap_or(ValueData { ty: Type::Int, def: ValueDef::Result(gone) }));
        }
        for data in self.blocks {
            self.func.blocks.push(data.unwrap_or_default());
        }
        Ok(self.func)
    }
}
