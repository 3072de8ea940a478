//! Text to syntax tree.
//!
//! The way of a script: `scan` runs over the text once, collects the comments and refuses what would make the
//! parser recurse too deeply; pest parses the whole; `build`, `expr`, `types` and `literal` turn its pairs into the
//! tree. Only when pest refuses, `recover` cuts the text into probes and statements and parses them one by one, so
//! that each gets its own message, which `explain` words.
//!
//! Invariants: spans of the tree lie within the text; the tree is at most [`MAX_DEPTH`] levels deep.
//! Deliberately absent: names and types. `foo(1)` parses whatever `foo` is.

mod build;
mod ctext;
mod explain;
mod expr;
mod grammar;
mod items;
mod lexical;
mod literal;
mod recover;
mod scan;
mod types;
mod values;

use pest::Parser as _;

use crate::diag::{Diagnostic, Sink, codes};
use crate::source::{FileId, Span};
use crate::syntax::ast::{Comment, Script};
use build::Builder;
use grammar::{Grammar, Rule};
use scan::{Kind, Scan};

pub(super) use scan::takes_path;
pub(super) use types::is_type_word;

/// Brackets, braces and `?` that may be open at a time.
pub const MAX_NESTING: usize = 256;

/// Levels of a syntax tree. What walks the tree recursively may rely on it.
pub const MAX_DEPTH: usize = 512;

/// Nesting up to which the caller's stack is used. Real scripts have less than ten levels.
const SHALLOW: usize = 32;

/// Bytes of stack for scripts nested deeper; a level takes up to 12 KB in a debug build, 4 KB in a release build.
const DEEP_STACK: usize = 16 << 20;

/// The value of a number as a script may write it, underscores, exponents and units of time included; none for what
/// is no number. Letters are small ones but for `X`, `E` and hexadecimal digits; an exponent follows one digit from 1 to 9.
pub fn number(text: &str) -> Option<u64> {
    let based = ["0x", "0X", "0b", "0B"].iter().any(|prefix| text.starts_with(prefix));
    let exponent = (!based).then(|| text.find(['e', 'E'])).flatten();
    let suffix = text.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '_' | 'e' | 'E'));
    let wrong = exponent.is_some_and(|at| !matches!(&text.as_bytes()[..at], [b'1'..=b'9']))
        || (!based && suffix.bytes().any(|byte| byte.is_ascii_uppercase()));
    if wrong || !text.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    literal::integer(text).ok().map(|(value, _)| value)
}

/// Parses `text`, the whole of `file`.
///
/// Mistakes go to `sink` as [`codes::SYNTAX`], [`codes::BAD_LITERAL`] or [`codes::TOO_DEEP`]; the script then holds
/// what has no mistakes.
pub fn parse(file: FileId, text: &str, sink: &mut Sink) -> Script {
    let scanned = scan::scan(text, false);
    let comments = scanned.tokens.iter().filter(|t| matches!(t.kind, Kind::Comment | Kind::Shebang));
    let comments =
        comments.map(|t| Comment { span: Span::new(file, t.start..t.end), text: t.text(text).to_owned() });
    let comments = comments.collect();
    let script = match scanned.nesting(text, MAX_NESTING) {
        Ok(0..=SHALLOW) => items(file, text, &scanned, sink),
        Ok(_) => on_large_stack(|| items(file, text, &scanned, sink)),
        Err(bracket) => {
            let message = format!("more than {MAX_NESTING} brackets, braces or `?` inside each other");
            let span = Span::new(file, bracket.start..bracket.end);
            sink.push(Diagnostic::error(codes::TOO_DEEP, message).at(span, "one too many"));
            Script::default()
        }
    };
    Script { comments, ..script }
}

/// Runs `work` on a thread of its own, whose stack suffices for [`MAX_NESTING`] whatever the caller has left.
fn on_large_stack<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(DEEP_STACK).spawn_scoped(scope, work);
        let result = thread.expect("a thread can be started").join();
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn items(file: FileId, text: &str, scanned: &Scan, sink: &mut Sink) -> Script {
    let parsed = Grammar::parse(Rule::script, text).ok().filter(|_| scanned.problems.is_empty());
    let Some(pairs) = parsed else {
        return recover::recover(file, text, sink);
    };
    let builder = Builder::new(file, 0);
    let mut script = Script::default();
    pairs.for_each(|pair| builder.item(pair, &mut script));
    builder.into_found().into_iter().for_each(|d| sink.push(d));
    script
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// Everything that two lexers could see differently.
    const DENSE: &str = r##"#!/usr/bin/env x
// c
kprobe:a/b/c/{$x=1-1;$x-=1;@-=1;@++;$y=$x---1;$z=$x+++1;$a=$b&&&$c;$d=$e&$f;$g=$h<<1<=2;$i=$j>>1>=2;}
uprobe:/a//b:"c d" /1/{ $x <<= 1; @y[1,"//",2]>>=3; $z=$a->b.c.0[1]; if(!$x!=~$y){}else if $x{} }
#define A /* x
 */ 'a'
struct s { char c; /* } */ };
config = { a = 1; b = "x"; c=word }
import "a//b"; import c//d;
let @m = hash(100, pin="a");
macro f($a, @b, c) { if ($a) { { 1 }; c } else { (c=1,d="}") } }
fn g($a : int8[4]) : uint64 { return sizeof(typeof($a)) + offsetof(struct s, c.d); }
interval:1s,n=u:/x:y,*:f /{ 1 } / 2/{for($i:0..$#){while $1{break;}unroll(2){continue;}_=comptime 1;print((uint8)-1,(struct s*)$p,(int32*[4])$q,1?:2,1?2:3,0x1f,1e3,5ms,@,@_,-1,*$p)}}
"##;

    #[test]
    fn the_scan_and_the_grammar_agree_on_tokens() {
        let scanned = scan::scan(DENSE, false);
        assert!(scanned.problems.is_empty());
        let tokens: HashSet<(usize, usize)> = scanned.tokens.iter().map(|t| (t.start, t.end)).collect();
        let pairs = Grammar::parse(Rule::script, DENSE).unwrap_or_else(|e| panic!("{e}"));
        let mut compared = 0;
        for pair in pairs.flatten().filter(|p| p.clone().into_inner().next().is_none()) {
            use Rule::*;
            let token = !matches!(
                pair.as_rule(),
                first_part
                    | path_kind
                    | part
                    | path_part
                    | probe_name
                    | block
                    | end_mark
                    | type_suffix
                    | EOI
                    | args
            );
            let span = (pair.as_span().start(), pair.as_span().end());
            assert!(!token || tokens.contains(&span), "{:?} {:?}", pair.as_rule(), pair.as_str());
            compared += usize::from(token);
        }
        assert!(compared > 100, "{compared}");
    }
}
