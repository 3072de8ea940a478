//! Random scripts: well typed, terminating, with results that depend on nothing but the script.
//!
//! A script is a number of `begin` probes, each with its own variables and maps. Every probe ends by printing its
//! variables and maps, so that whatever went wrong shows. Values lean towards the edges of their types.

use std::fmt::Write;

use super::rng::Rng;

/// The integer types of the language.
const TYPES: [&str; 8] = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"];
const STRINGS: [&str; 6] = ["", "a", "ab", "abc", "abcdefgh", "abcdefghijklmno"];
const EDGES: [u64; 14] =
    [0, 1, 2, 7, 63, 127, 128, 255, 256, 0x7fff, 0x8000, 0x7fff_ffff, 0xffff_ffff, 0x7fff_ffff_ffff_ffff];

/// A script of `probes` probes, each of which clears its maps at its end.
pub fn generate(seed: u64, probes: usize) -> String {
    scripts(seed, probes, true, Kernel { calls: true, walks: true, reads: true })
}

/// What the kernel of a script can do, as far as not all kernels can.
#[derive(Clone, Copy, Debug)]
pub struct Kernel {
    /// Loops by calls of a function (bpf_loop).
    pub calls: bool,
    /// Loops over maps (bpf_for_each_map_elem).
    pub walks: bool,
    /// Reading minima and maxima of all CPUs (bpf_map_lookup_percpu_elem).
    pub reads: bool,
}

/// The same without clearing: maps that are never cleared have other representations, and are far quicker to run, since
/// each clearing waits for all programs of the kernel.
pub fn generate_without_clear(seed: u64, probes: usize, kernel: Kernel) -> String {
    scripts(seed, probes, false, kernel)
}

fn scripts(seed: u64, probes: usize, clears: bool, kernel: Kernel) -> String {
    let mut out = String::new();
    for probe in 0..probes {
        let seed = seed.wrapping_mul(1000).wrapping_add(probe as u64);
        Probe {
            clears,
            kernel,
            rng: Rng::new(seed),
            prefix: probe,
            vars: Vec::new(),
            text: String::new(),
            indent: 1,
            loops: 0,
            counters: 0,
        }
        .write(&mut out);
    }
    out
}

struct Probe {
    clears: bool,
    kernel: Kernel,
    rng: Rng,
    prefix: usize,
    /// Index in TYPES of each variable `$v0`, `$v1`, …
    vars: Vec<usize>,
    text: String,
    indent: usize,
    /// Loops around the statement.
    loops: usize,
    /// Variables of `while` loops so far.
    counters: usize,
}

impl Probe {
    fn write(mut self, out: &mut String) {
        for _ in 0..2 + self.rng.below(4) {
            let ty = self.rng.below(TYPES.len());
            let value = self.expr(2);
            self.line(&format!("let $v{}: {} = ({})({value});", self.vars.len(), TYPES[ty], TYPES[ty]));
            self.vars.push(ty);
        }
        self.start_maps();
        for _ in 0..3 + self.rng.below(6) {
            self.statement(2);
        }
        self.report();
        let _ = write!(out, "begin {{\n{}}}\n", self.text);
    }

    fn line(&mut self, text: &str) {
        let _ = writeln!(self.text, "{:1$}{text}", "", self.indent * 2);
    }

    /// A name for one of this probe's maps: kinds are `m` (no key), `k` (integer key), `t` (tuple key), `s` (string
    /// value), `c`, `u`, `l`, `h` (count, sum, min, max).
    fn map(&self, kind: char) -> String {
        format!("@{kind}{}", self.prefix)
    }

    fn start_maps(&mut self) {
        let [m, k, t, s] = ['m', 'k', 't', 's'].map(|kind| self.map(kind));
        self.line(&format!("{m} = (int64)0;"));
        self.line(&format!("{k}[(int64)1] = (int64)1;"));
        self.line(&format!("{t}[(int32)1, \"abcdefghijklmno\"] = (int64)1;"));
        self.line(&format!("{s} = \"abcdefghijklmno\";"));
        for (kind, call) in
            [('c', "count()"), ('u', "sum((int64)1)"), ('l', "min((int64)1)"), ('h', "max((int64)1)")]
        {
            let map = self.map(kind);
            self.line(&format!("{map} = {call};"));
        }
    }

    fn report(&mut self) {
        let args: Vec<String> = (0..self.vars.len()).map(|i| format!("$v{i}")).collect();
        let format: Vec<&str> = self.vars.iter().map(|ty| if *ty < 4 { "%lld" } else { "%llu" }).collect();
        self.line(&format!("printf(\"{}: {}\\n\", {});", self.prefix, format.join(" "), args.join(", ")));
        let (m, k, t, s) = (self.map('m'), self.map('k'), self.map('t'), self.map('s'));
        self.line(&format!(
            "printf(\"%lld %lld %lld %s\\n\", {m}, {k}[(int64)1], {t}[(int32)1, \"abc\"], {s});"
        ));
        for kind in ['c', 'u', 'l', 'h'] {
            let map = self.map(kind);
            self.line(&format!("print({map});"));
            if self.clears {
                self.line(&format!("clear({map});"));
            }
        }
        if self.clears {
            for map in [m, k, t, s] {
                self.line(&format!("clear({map});"));
            }
        }
    }

    fn statement(&mut self, depth: usize) {
        if self.loops > 0 && self.rng.one_in(12) {
            return self.jump();
        }
        match self.rng.below(if depth > 0 { 16 } else { 12 }) {
            0..4 => self.assign(),
            4 => {
                let (var, step) = (self.rng.below(self.vars.len()), *self.rng.pick(&["++", "--"]));
                self.line(&format!("$v{var}{step};"));
            }
            5..10 => self.map_statement(),
            10 => self.aggregate(),
            11 => self.string_statement(),
            14 if self.may_loop() => self.loop_(depth),
            15 if self.kernel.walks => self.over_map(),
            15 if self.may_loop() => self.loop_(depth),
            _ => self.conditional(depth),
        }
    }

    /// Where the verifier walks through every round, only one program in five has loops, and none within another:
    /// such programs take a hundred times as long to load.
    fn may_loop(&self) -> bool {
        self.kernel.calls || (self.prefix.is_multiple_of(5) && self.loops == 0)
    }

    /// `break` or `continue`, now and then.
    fn jump(&mut self) {
        let (cond, jump) = (self.condition(2), *self.rng.pick(&["break", "continue"]));
        self.line(&format!("if ({cond}) {{ {jump}; }}"));
    }

    /// A loop of a few rounds, or of some more than the compiler would count out.
    fn loop_(&mut self, depth: usize) {
        let rounds = if self.loops == 0 && self.rng.one_in(if self.kernel.calls { 4 } else { 32 }) {
            40
        } else {
            1 + self.rng.below(4)
        };
        let number = match self.rng.below(3) {
            0 => {
                let (var, start) = (self.vars.len(), self.rng.below(9));
                let end = start + rounds;
                self.line(&format!("for ($v{var} : (int64){start}..(int64){end}) {{"));
                self.vars.push(3);
                true
            }
            1 => {
                let counter = format!("$w{}", self.counters);
                self.counters += 1;
                self.line(&format!("{counter} = (int64){rounds};"));
                self.line(&format!("while ({counter}-- > 0) {{"));
                false
            }
            _ => {
                self.line(&format!("unroll ({}) {{", 1 + rounds % 3));
                false
            }
        };
        self.indent += 1;
        self.loops += 1;
        for _ in 0..1 + self.rng.below(3) {
            self.statement(depth - 1);
        }
        self.loops -= 1;
        self.indent -= 1;
        self.line("}");
        if number {
            self.vars.pop();
        }
    }

    /// A loop over a map whose order does not show.
    fn over_map(&mut self) {
        let (k, u, h, bit) = (self.map('k'), self.map('u'), self.map('h'), self.rng.below(2));
        self.line(&format!("for ($e : {k}) {{"));
        self.line(&format!("  {u} = sum($e.1); {h} = max($e.0);"));
        self.line(&format!("  if (($e.0 & 1) == {bit}) {{ delete({k}, $e.0); continue; }}"));
        self.line(&format!("  {k}[$e.0] += (int64)1;"));
        self.line("}");
    }

    fn assign(&mut self) {
        let var = self.rng.below(self.vars.len());
        let value = self.expr(4);
        self.line(&format!("$v{var} = ({})({value});", TYPES[self.vars[var]]));
    }

    fn map_statement(&mut self) {
        let value = self.expr(3);
        let (m, key) = (self.map('m'), self.key());
        match self.rng.below(8) {
            0 => self.line(&format!("{m} = (int64)({value});")),
            1 => {
                let op = *self.rng.pick(&["+=", "-=", "*=", "&=", "|=", "^="]);
                self.line(&format!("{m} {op} (int64)({value});"));
            }
            2 => self.line(&format!("{key} = (int64)({value});")),
            3 => {
                let op = *self.rng.pick(&["+=", "-=", "*=", "^="]);
                self.line(&format!("{key} {op} (int64)({value});"));
            }
            4 => {
                let step = *self.rng.pick(&["++", "--"]);
                self.line(&format!("{key}{step};"));
            }
            5 => {
                let (var, step) = (self.rng.below(self.vars.len()), *self.rng.pick(&["++", "--"]));
                self.line(&format!("$v{var} = ({})({key}{step});", TYPES[self.vars[var]]));
            }
            6 => {
                let k = self.map('k');
                let inner = self.small();
                self.line(&format!("delete({k}, {inner});"));
            }
            _ => {
                let t = self.map('t');
                let (inner, text) = (self.rng.below(3), self.string());
                self.line(&format!("{t}[(int32){inner}, {text}] = (int64)({value});"));
            }
        }
    }

    fn aggregate(&mut self) {
        let value = self.expr(2);
        let (kind, call) = match self.rng.below(4) {
            0 => ('c', "count()".to_string()),
            1 => ('u', format!("sum((int64)({value}))")),
            2 => ('l', format!("min((int64)({value}))")),
            _ => ('h', format!("max((int64)({value}))")),
        };
        let map = self.map(kind);
        self.line(&format!("{map} = {call};"));
    }

    fn string_statement(&mut self) {
        let (s, text) = (self.map('s'), self.string());
        self.line(&format!("{s} = {text};"));
    }

    fn conditional(&mut self, depth: usize) {
        let cond = self.condition(3);
        self.line(&format!("if ({cond}) {{"));
        self.indent += 1;
        for _ in 0..1 + self.rng.below(3) {
            self.statement(depth - 1);
        }
        self.indent -= 1;
        if self.rng.one_in(2) {
            self.line("} else {");
            self.indent += 1;
            self.statement(depth - 1);
            self.indent -= 1;
        }
        self.line("}");
    }

    /// A key in a small range, so that keys meet.
    fn small(&mut self) -> String {
        let value = self.expr(1);
        format!("(int64)(((uint64)({value})) & 3)")
    }

    fn key(&mut self) -> String {
        let (k, inner) = (self.map('k'), self.small());
        format!("{k}[{inner}]")
    }

    fn string(&mut self) -> String {
        format!("\"{}\"", self.rng.pick(&STRINGS))
    }

    fn literal(&mut self) -> String {
        let ty = *self.rng.pick(&TYPES);
        let value =
            if self.rng.one_in(3) { self.rng.bits() >> self.rng.below(64) } else { *self.rng.pick(&EDGES) };
        // Literals above the largest int64 are of another type; a cast of what fits gives every value there is.
        let value = value & 0x7fff_ffff_ffff_ffff;
        let sign = if self.rng.one_in(4) { "-" } else { "" };
        format!("({ty})({sign}{value})")
    }

    fn leaf(&mut self) -> String {
        match self.rng.below(9) {
            8 if !self.vars.is_empty() => {
                let kinds: &[char] = if self.kernel.reads { &['c', 'u', 'l', 'h'] } else { &['c', 'u'] };
                let kind = *self.rng.pick(kinds);
                format!("(int64){}", self.map(kind))
            }
            0..3 => self.literal(),
            3..6 if !self.vars.is_empty() => format!("$v{}", self.rng.below(self.vars.len())),
            6 if !self.vars.is_empty() => self.map('m'),
            7 if !self.vars.is_empty() => {
                let (k, key) = (self.map('k'), self.rng.below(4));
                format!("{k}[(int64){key}]")
            }
            _ => self.literal(),
        }
    }

    fn expr(&mut self, depth: usize) -> String {
        if depth == 0 || self.rng.one_in(6) {
            return self.leaf();
        }
        match self.rng.below(12) {
            0..7 => self.binary(depth),
            7 => {
                let (op, inner) = (*self.rng.pick(&["-", "~"]), self.expr(depth - 1));
                format!("({op}({inner}))")
            }
            8..10 => {
                let (ty, inner) = (*self.rng.pick(&TYPES), self.expr(depth - 1));
                format!("(({ty})({inner}))")
            }
            _ => {
                let (cond, a, b) = (self.condition(depth - 1), self.expr(depth - 1), self.expr(depth - 1));
                format!("(({cond}) ? (int64)({a}) : (int64)({b}))")
            }
        }
    }

    /// Both sides get the same type, so that the script is free of sign conflicts, whose meaning is undefined.
    fn binary(&mut self, depth: usize) -> String {
        let op = *self.rng.pick(&["+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>"]);
        let ty = *self.rng.pick(&TYPES);
        let (a, b) = (self.expr(depth - 1), self.expr(depth - 1));
        match op {
            "<<" | ">>" => format!("((({ty})({a})) {op} ((({ty})({b})) & 31))"),
            _ => format!("((({ty})({a})) {op} (({ty})({b})))"),
        }
    }

    fn condition(&mut self, depth: usize) -> String {
        if depth == 0 {
            let inner = self.leaf();
            return format!("(int64)({inner}) != 0");
        }
        match self.rng.below(10) {
            0..5 => {
                let op = *self.rng.pick(&["==", "!=", "<", "<=", ">", ">="]);
                let ty = *self.rng.pick(&TYPES);
                let (a, b) = (self.expr(depth - 1), self.expr(depth - 1));
                format!("(({ty})({a})) {op} (({ty})({b}))")
            }
            5..7 => {
                let op = *self.rng.pick(&["&&", "||"]);
                let (a, b) = (self.condition(depth - 1), self.condition(depth - 1));
                format!("({a}) {op} ({b})")
            }
            7 => {
                let inner = self.condition(depth - 1);
                format!("!({inner})")
            }
            8 => {
                let (s, op, text) = (self.map('s'), *self.rng.pick(&["==", "!="]), self.string());
                if self.vars.is_empty() { format!("{text} {op} \"ab\"") } else { format!("{s} {op} {text}") }
            }
            _ => {
                let (k, key) = (self.map('k'), self.rng.below(4));
                if self.vars.is_empty() {
                    "(int64)1 == 1".into()
                } else {
                    format!("has_key({k}, (int64){key})")
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_same_seed_gives_the_same_script() {
        assert_eq!(super::generate(7, 3), super::generate(7, 3));
        assert_ne!(super::generate(7, 3), super::generate(8, 3));
    }
}
