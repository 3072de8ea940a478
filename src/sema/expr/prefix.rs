//! Keys of an `lpmtrie`: prefixes of addresses of the internet.
//!
//! A key is the tuple of the length in bits and the address with its family before it; the family's 32 bits count, so
//! that prefixes of both families live side by side. A whole address has all bits, those behind a shorter one too, so that
//! `10.0.0.1/32`, `10.0.0.1` and the same address as a value are one key.
//!
//! Deliberately absent: lengths that are known only when the script runs.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::diag::{Diagnostic, codes};
use crate::source::Span;
use crate::syntax::ast;

use super::super::calls::bytes::{AF_INET, AF_INET6, bytes_type};
use super::super::check::Checker;
use super::super::tree::{Expr, ExprKind, Function};
use super::super::ty::Ty;
use super::super::value::Val;

/// Bits of the family, and of a whole key.
const FAMILY: u32 = 32;
const WHOLE: u32 = FAMILY + 128;

/// The type of such keys.
pub(in super::super) fn key_type() -> Ty {
    Ty::Tuple([Ty::U32, Ty::Inet].into())
}

impl Checker<'_, '_> {
    /// The key of trie `at`.
    pub(super) fn prefix_key(&mut self, span: Span, at: usize, key: Option<&ast::Expr>) -> Option<Expr> {
        let name = self.maps.list[at].name.clone();
        let Some(key) = key else {
            let message = format!("@{name} is an lpmtrie: its keys are prefixes");
            let error = Diagnostic::error(codes::MAP_KEY, message).at(span, "no prefix here");
            self.report(self.as_declared(error, at).help(usage(&name)));
            return None;
        };
        if let ast::ExprKind::Str(text) = &key.kind {
            let text = String::from_utf8_lossy(text).into_owned();
            return match parse(&text) {
                Ok((address, bits)) => Some(literal(address, bits, key.span)),
                Err((message, help)) => {
                    let error = Diagnostic::error(codes::MAP_KEY, message).at(key.span, "no prefix");
                    self.report(self.as_declared(error, at).help(help.unwrap_or_else(|| usage(&name))));
                    None
                }
            };
        }
        let val = self.expr(key)?;
        let address = match &val.ty {
            Ty::Inet => self.as_value(val)?.into_expr(),
            Ty::Array { .. } if matches!(self.types.size_of(&val.ty), Some(4 | 16)) => {
                let size = self.types.size_of(&val.ty).unwrap_or(4);
                let family = if size == 4 { AF_INET } else { AF_INET6 };
                let bytes = self.first_bytes(val, size)?.into_expr();
                inet(family, bytes, key.span)
            }
            ty => {
                let found = self.name(ty);
                let message = format!("a key of the lpmtrie @{name} is a prefix or an address");
                let error =
                    Diagnostic::error(codes::MAP_KEY, message).at(key.span, format!("this is {found}"));
                let help = match val.ty.is_int() {
                    true => "make an address of it: `ntop(...)`".to_owned(),
                    false => usage(&name),
                };
                self.report(self.as_declared(error, at).help(help));
                return None;
            }
        };
        Some(tuple(WHOLE, address, key.span))
    }
}

fn usage(name: &str) -> String {
    format!("write `@{name}[\"10.0.0.0/8\"]`, or give an address: `@{name}[ntop(...)]`")
}

/// The address and its bits that count; else a message, and help where there is some.
fn parse(text: &str) -> Result<(IpAddr, u32), (String, Option<String>)> {
    let wrong = || (format!("`{text}` is no prefix of addresses of the internet"), None);
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits.parse::<u32>().map_err(|_| wrong())?)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().map_err(|_| wrong())?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.unwrap_or(most);
    if bits > most {
        let message = format!("a prefix of this family has {most} bits at most, not {bits}");
        return Err((message, None));
    }
    let masked = mask(address, bits);
    if masked != address {
        let message = format!("`{text}` has bits behind its prefix");
        return Err((message, Some(format!("write `{masked}/{bits}`"))));
    }
    Ok((address, bits))
}

fn mask(address: IpAddr, bits: u32) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            Ipv4Addr::from(u32::from(v4) & mask).into()
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            Ipv6Addr::from(u128::from(v6) & mask).into()
        }
    }
}

fn literal(address: IpAddr, bits: u32, span: Span) -> Expr {
    let (family, bytes) = match address {
        IpAddr::V4(v4) => (AF_INET, v4.octets().to_vec()),
        IpAddr::V6(v6) => (AF_INET6, v6.octets().to_vec()),
    };
    let whole = bits as usize == bytes.len() * 8;
    let ty = bytes_type(bytes.len() as u32);
    let bytes = Val::new(ty, span, ExprKind::Str(bytes)).into_expr();
    tuple(if whole { WHOLE } else { FAMILY + bits }, inet(family, bytes, span), span)
}

fn inet(family: i64, bytes: Expr, span: Span) -> Expr {
    let family = Val::int(family, Ty::U32, span).into_expr();
    let kind = ExprKind::Call { function: Function::Inet, args: vec![family, bytes] };
    Val::new(Ty::Inet, span, kind).into_expr()
}

fn tuple(bits: u32, address: Expr, span: Span) -> Expr {
    let bits = Val::int(bits.into(), Ty::U32, span).into_expr();
    Expr { span, ty: key_type().to_type(), kind: ExprKind::Tuple(vec![bits, address]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_read() {
        let of = |text| parse(text).map(|(address, bits)| format!("{address} {bits}")).map_err(|e| e.0);
        assert_eq!(of("10.0.0.0/8").unwrap(), "10.0.0.0 8");
        assert_eq!(of("0.0.0.0/0").unwrap(), "0.0.0.0 0");
        assert_eq!(of("1.2.3.4").unwrap(), "1.2.3.4 32");
        assert_eq!(of("fe80::/10").unwrap(), "fe80:: 10");
        assert_eq!(of("::/0").unwrap(), ":: 0");
        assert_eq!(of("::1").unwrap(), "::1 128");
        for wrong in ["", "10/8", "10.0.0.0/", "10.0.0.0/33", "::/129", "10.0.0.1/8", "x", "1.2.3.4/-1"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
        assert_eq!(parse("10.1.0.0/8").unwrap_err().1.unwrap(), "write `10.0.0.0/8`");
    }
}
