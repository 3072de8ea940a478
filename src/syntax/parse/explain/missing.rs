//! Something that must follow does not: operands, names, closing brackets.

use super::{Kind, Token, View};
use crate::diag::Diagnostic;

impl View<'_> {
    /// Something must follow the token before and does not.
    pub(super) fn operand(&self) -> Option<Diagnostic> {
        let Some(before) = self.before else {
            return Some(self.statement_start());
        };
        if self.closes_cast() {
            let error = self.error("expected an expression after the cast");
            return Some(self.label(error, "expected an expression"));
        }
        if !self.wants_operand(before) {
            return None;
        }
        let written = self.text(before);
        let expected = |what: &str, label: &str| {
            self.label(self.error(format!("expected {what} after `{written}`")), label)
        };
        Some(match written {
            "/" if self.in_predicate && self.open.is_empty() => self.slash(before),
            "let" => self.variable_name(),
            "." | "->" => expected("a field name", "no name"),
            "struct" | "union" | "enum" => expected("a name", "no name"),
            "sizeof" | "offsetof" | "typeof" | "typeinfo" => expected("`(`", "expected `(`"),
            "for" => expected("a variable", "no variable").help("a loop is written `for ($x : @map) { … }`"),
            "import" => expected("a path", "no path").help("the path stands in quotes"),
            "else" => expected("`{` or `if`", "expected `{`"),
            "if" | "while" => expected("a condition", "no condition"),
            "unroll" => expected("a number", "no number"),
            ":" if self.is_let_type() => expected("a type", "no type"),
            ";" | "{" => self.statement_start(),
            _ => {
                let error = expected("an expression", "expected an expression");
                let error = error.because(self.span(before), "");
                let plus = self.is(self.found, "+");
                if plus { error.note("there is no `+` in front of a number") } else { error }
            }
        })
    }

    /// True behind the `)` of a cast that has no operand.
    fn closes_cast(&self) -> bool {
        let Some(opener) = self.closed.filter(|_| self.is(self.before, ")")) else {
            return false;
        };
        let (first, last) = (self.t.tokens[opener + 1], self.t.tokens[self.index - 2]);
        let tag = ["struct", "union", "enum"].iter().any(|word| self.is(Some(first), word));
        tag || self.is(Some(last), "*") || self.is(Some(last), "]")
    }

    fn is_let_type(&self) -> bool {
        let back = |n: usize| self.index.checked_sub(n).and_then(|at| self.t.tokens.get(at)).copied();
        self.is(back(3), "let")
    }

    fn variable_name(&self) -> Diagnostic {
        let error = self.label(self.error("expected a variable after `let`"), "not a variable");
        match self.found {
            Some(found) if found.kind == Kind::Word => {
                error.help(format!("variables begin with `$`: `let ${}`", self.text(found)))
            }
            Some(found) if found.kind == Kind::Map => error.note("maps are not declared inside of probes"),
            _ => error,
        }
    }

    /// A slash of a predicate with no operand behind it: the first, the second, or a division.
    fn slash(&self, before: Token) -> Diagnostic {
        if self.is(self.found, "/") {
            return self.label(self.error("expected a condition between the slashes"), "empty predicate");
        }
        if self.ends_statement() {
            return self.no_body();
        }
        let error = self.label(self.error("expected an expression after `/`"), "expected an expression");
        error.because(self.span(before), "")
    }

    /// Nothing of the statement made sense.
    fn statement_start(&self) -> Diagnostic {
        let found = self.name(self.found);
        let message = match found.as_str() {
            "`;`" => "a `;` with no statement before it".to_owned(),
            "`)`" | "`]`" | "`}`" => format!("unmatched {found}"),
            "`else`" => "`else` without an `if` before it".to_owned(),
            _ => format!("expected a statement, found {found}"),
        };
        let error = self.label(self.error(message), "");
        match found.as_str() {
            "`;`" => error.help("remove it"),
            "`else`" => error.help("an `else` follows the `}` of its `if` at once"),
            _ => error,
        }
    }

    /// A bracket that is not closed, or that closes nothing.
    pub(super) fn bracket(&self) -> Option<Diagnostic> {
        let found = self.name(self.found);
        let opener = self.open.last().map(|at| self.t.tokens[*at]);
        let ends = match found.as_str() {
            "`;`" | "`{`" | "`}`" | "`)`" | "`]`" | "the end of the script" => true,
            "`=`" => self.is(opener, "["),
            "`/`" => self.in_predicate,
            _ => false,
        };
        if !ends {
            return None;
        }
        let Some(opener) = opener else {
            let unmatched = matches!(found.as_str(), "`)`" | "`]`");
            return unmatched.then(|| self.label(self.error(format!("unmatched {found}")), "closes nothing"));
        };
        let open = self.text(opener);
        let error = match open {
            "?" => self.label(self.error("expected `:` and a second value after `?`"), "expected `:`"),
            _ => {
                let close = if open == "(" { ")" } else { "]" };
                let error = self.error(format!("expected `{close}` to close the `{open}` opened here"));
                self.label(error, &format!("expected `{close}`"))
            }
        };
        Some(error.because(self.span(opener), "opened here"))
    }
}
