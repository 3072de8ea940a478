//! Reads the textual form that [`super::print`] documents.
//!
//! Only the form is checked here: words, numbers, that every name is defined once. Whether types and uses are
//! right is the verifier's business, so that its tests can be wrong on purpose.

mod function;
mod lex;

use std::fmt;

use cranelift_entity::EntityRef;

use super::entities::MapRef;
use super::function::{Provenance, Type};
use super::module::{Module, Program};
use super::names::Words;
use crate::source::{FileId, Span};
use crate::wire::front::Layout;
use crate::wire::map::{MapKind, MapRole, MapSpec, ValueKind};
use crate::wire::types::DataType;
use lex::{Token, tokens};

/// Numbers of values, blocks and slots stay below this.
const MOST: u64 = 1 << 22;

/// What is wrong with a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// 1-based line.
    pub line: u32,
    /// In words.
    pub message: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

impl std::error::Error for ParseError {}

type Result<T> = std::result::Result<T, ParseError>;

/// Parses a module: maps and functions. The programs have no attach points; the shapes of user maps' keys and
/// values are plain bytes of their sizes.
pub fn module(text: &str) -> Result<Module> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0, module: Module::default() };
    while let Some((token, _)) = parser.tokens.get(parser.at) {
        match token {
            Token::Word(word) if word == "function" => {
                let function = function::parse(&mut parser)?;
                parser.module.programs.push(Program {
                    function,
                    attach: Vec::new(),
                    cookies: false,
                    rounds: 0,
                });
            }
            Token::Span(..) => parser.at += 1,
            _ => parser.map()?,
        }
    }
    Ok(parser.module)
}

struct Parser {
    tokens: Vec<(Token, u32)>,
    at: usize,
    module: Module,
}

impl Parser {
    fn error<T>(&self, message: impl Into<String>) -> Result<T> {
        let last = self.tokens.last().map_or(1, |(_, line)| *line);
        let line = self.tokens.get(self.at.saturating_sub(1)).map_or(last, |(_, line)| *line);
        Err(ParseError { line, message: message.into() })
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(token, _)| token)
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at)?.0.clone();
        self.at += 1;
        Some(token)
    }

    fn eat(&mut self, token: &Token) -> bool {
        let found = self.peek() == Some(token);
        self.at += usize::from(found);
        found
    }

    fn eat_sign(&mut self, sign: char) -> bool {
        self.eat(&Token::Sign(sign))
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Word(w)) if w == word);
        self.at += usize::from(found);
        found
    }

    fn sign(&mut self, sign: char) -> Result<()> {
        if self.eat_sign(sign) { Ok(()) } else { self.expected(&format!("`{sign}`")) }
    }

    fn expected<T>(&mut self, what: &str) -> Result<T> {
        let found = self.next();
        match found {
            Some(token) => self.error(format!("expected {what}, found {token:?}")),
            None => self.error(format!("expected {what}, found the end")),
        }
    }

    fn word(&mut self) -> Result<String> {
        match self.next() {
            Some(Token::Word(word)) => Ok(word),
            other => self.error(format!("expected a word, found {other:?}")),
        }
    }

    fn keyword(&mut self, word: &str) -> Result<()> {
        if self.eat_word(word) { Ok(()) } else { self.expected(&format!("`{word}`")) }
    }

    fn member<T: Words>(&mut self, what: &str) -> Result<T> {
        let word = self.word()?;
        match T::from_word(&word) {
            Some(member) => Ok(member),
            None => self.error(format!("not {what}: {word}")),
        }
    }

    fn text(&mut self) -> Result<String> {
        match self.next() {
            Some(Token::Text(text)) => Ok(text),
            other => self.error(format!("expected a quoted text, found {other:?}")),
        }
    }

    fn unsigned(&mut self) -> Result<u32> {
        match self.next() {
            Some(Token::Number(number)) if number <= u32::MAX.into() => Ok(number as u32),
            other => self.error(format!("expected a 32-bit number, found {other:?}")),
        }
    }

    /// A number with a sign perhaps, modulo 2^64.
    fn number(&mut self) -> Result<i64> {
        let negative = self.eat_sign('-');
        match self.next() {
            Some(Token::Number(number)) if negative => Ok((number as i64).wrapping_neg()),
            Some(Token::Number(number)) => Ok(number as i64),
            other => self.error(format!("expected a number, found {other:?}")),
        }
    }

    fn entity<T: EntityRef>(&mut self, prefix: &str) -> Result<T> {
        let word = self.word()?;
        self.entity_of(&word, prefix)
    }

    fn entity_of<T: EntityRef>(&self, word: &str, prefix: &str) -> Result<T> {
        match word.strip_prefix(prefix).and_then(|number| number.parse::<u64>().ok()) {
            Some(number) if number < MOST => Ok(T::new(number as usize)),
            _ => self.error(format!("expected {prefix} and a number, found {word}")),
        }
    }

    fn map(&mut self) -> Result<()> {
        let map: MapRef = self.entity("map")?;
        if map != self.module.maps.next_key() {
            return self
                .error(format!("maps are numbered in order: expected {}", self.module.maps.next_key()));
        }
        self.sign('=')?;
        let kind: MapKind = self.member("a kind of map")?;
        let inner = if kind == MapKind::Swapped { Some(self.member("a kind of map")?) } else { None };
        let name = self.text()?;
        self.keyword("key")?;
        let key_size = self.unsigned()?;
        self.keyword("value")?;
        let value_size = self.unsigned()?;
        self.keyword("entries")?;
        let max_entries = self.unsigned()?;
        let on_demand = self.eat_word("on_demand");
        let mmap = self.eat_word("mmap");
        let len_counter = if self.eat_word("len") { Some(self.unsigned()?) } else { None };
        self.keyword("role")?;
        let role = self.role(key_size, value_size)?;
        let spec = MapSpec {
            name,
            kind,
            inner,
            key_size,
            value_size,
            max_entries,
            on_demand,
            mmap,
            role,
            len_counter,
        };
        self.module.maps.push(spec);
        Ok(())
    }

    fn role(&mut self, key_size: u32, value_size: u32) -> Result<MapRole> {
        Ok(match self.word()?.as_str() {
            "user" => {
                let name = self.text()?;
                let key = (!self.eat_word("keyless")).then_some(DataType::Bytes { size: key_size });
                MapRole::User { name, key, value: ValueKind::Plain(DataType::Bytes { size: value_size }) }
            }
            "ring" => MapRole::Ring,
            "ledger" => MapRole::Ledger,
            "control" => MapRole::Control,
            "globals" => MapRole::Globals,
            "scratch" => MapRole::Scratch,
            "zeros" => MapRole::Zeros,
            "front" => {
                let of: MapRef = self.entity("map")?;
                self.keyword("key")?;
                let key = self.unsigned()?;
                self.keyword("words")?;
                MapRole::Front { of: of.as_u32(), layout: Layout { key, words: self.unsigned()? } }
            }
            "keys" => MapRole::Keys,
            "stacks" => MapRole::Stacks { frame: self.unsigned()? },
            other => return self.error(format!("not a role of a map: {other}")),
        })
    }

    fn ty(&mut self) -> Result<Type> {
        let word = self.word()?;
        let provenance = match word.as_str() {
            "int" => return Ok(Type::Int),
            "ctx" => Provenance::Context,
            "record" => {
                self.sign('(')?;
                let bytes = self.unsigned()?;
                self.sign(')')?;
                if self.eat_word("?") { Provenance::RecordOrNull(bytes) } else { Provenance::Record(bytes) }
            }
            word if word.starts_with("slot") => Provenance::Stack(self.entity_of(word, "slot")?),
            word => {
                let (map, kind) = word.split_once('.').unwrap_or((word, ""));
                let map = self.entity_of(map, "map")?;
                match kind {
                    "" => Provenance::Map(map),
                    "value" => Provenance::MapValue(map),
                    "value?" => Provenance::MapValueOrNull(map),
                    "inner" => Provenance::InnerMap(map),
                    "inner?" => Provenance::InnerMapOrNull(map),
                    _ => return self.error(format!("not a type: {word}")),
                }
            }
        };
        Ok(Type::Ptr(provenance))
    }

    fn span(&mut self) -> Span {
        match self.peek() {
            Some(&Token::Span(file, start, end)) => {
                self.at += 1;
                Span { file: FileId(file), start, end }
            }
            _ => Span::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::module;
    use crate::ir::print;

    const EVERYTHING: &str = r#"map0 = hash "AT_start" key 4 value 8 entries 4096 role user "@start"
map1 = swapped percpu_array "AT_n" key 4 value 8 entries 1 on_demand mmap len 3 role user "@n" keyless
map2 = ring "bt_ring" key 0 value 0 entries 262144 role ring

function vfs_read kprobe clause 3 {
    slot0 = 4 align 4 "a \"key\""
    slot2 = 64 align 8 ""

block0(v0: ctx):
    v1 = const -9223372036854775808
    v2 = sext16 v1  ; @3-4
    v3 = icmp.slt v1, v2
    v4: map0 = map_addr map0
    v5: map0.value = map_value_addr map0 + 8
    v6: slot0 = slot_addr slot0
    v7: slot0 = ptr_add v6, -4
    v8: slot0 = ptr_index v6, v2, count 16, scale 8, in_bounds
    v9 = context_addr v0, v1
    v30 = clamp v9, 64
    v10 = load.i32 [v6 + 4]
    store.u16 [v6 - 2], v10
    zero [v6], 4
    copy [v6], [v5 + 8], 16
    v11 = mem_eq [v6], [v5], 3
    atomic_add.u64 [v5], v11
    collect v4, v6, map0, 100
    v12 = atomic_fetch_add.u32 [v5], v11
    v31 = atomic_cmpxchg.u64 [v5 + 8], v11, v12
    v13 = call get_current_pid_tgid()
    v14: map0.value? = call map_lookup_elem(v4, v6)  ; @2:10-20
    br_null v14, block4(v13, v12), block2

block2:
    v15: map0.value = non_null v14
    call map_delete_elem(v4, v6)
    branch v13, block2, block2  ; @7-8

block4(v20: int, v21: int):
    jump block5(v4, v20)

block5(v22: map0, v23: record(16)?):
    return v20
}

function other begin clause 0 {

block0(v0: ctx):
    return v0
}
"#;

    #[test]
    fn prints_what_it_parsed() {
        let parsed = module(EVERYTHING).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(print::module(&parsed, print::Options { spans: true }), EVERYTHING);
    }

    #[test]
    fn says_which_line_is_wrong() {
        let wrong = |from: &str, to: &str| module(&EVERYTHING.replacen(from, to, 1)).unwrap_err().to_string();
        assert_eq!(wrong("add v6", "add v66"), "line 16: v66 is not defined");
        assert_eq!(wrong("sext16", "sext17"), "line 11: no instruction sext17");
        assert_eq!(wrong("block5(v22", "block6(v22"), "line 39: block5 is not defined");
        assert_eq!(wrong("v3 =", "v2 ="), "line 12: v2 is defined twice");
        assert_eq!(wrong("map1 =", "map3 ="), "line 2: maps are numbered in order: expected map1");
        assert_eq!(wrong("hash", "bash"), "line 1: not a kind of map: bash");
        assert_eq!(wrong("slot2", "slot0"), "line 7: slot0 is out of order");
        assert_eq!(wrong("[v5], v11", "[v5, v11"), "line 25: expected `]`, found Sign(',')");
    }
}
