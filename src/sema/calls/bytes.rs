//! Values made of bytes: buffers, addresses of the internet and of hardware.

use core::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use crate::diag::codes;
use crate::syntax::ast;

use super::super::check::Checker;
use super::super::tree::{BinaryOp, Expr, ExprKind, Function};
use super::super::ty::Ty;
use super::super::types::Space;
use super::super::value::{Base, Kind, Place, Val};
use super::Call;

/// Bytes of a buffer that hold its length: `max_strlen` counts them.
const LENGTH: u32 = 4;
/// Bytes of a hardware address.
const MAC: u32 = 6;

impl Checker<'_, '_> {
    /// `buf(data)`, `buf(data, length)`
    pub(super) fn buf(&mut self, call: Call) -> Option<Val> {
        let most = self.options.max_strlen.saturating_sub(LENGTH).max(1);
        let (data, length) = (self.expr(&call.args[0]), self.buffer_length(call));
        let (data, length) = (data?, length?);
        let whole = match &data.ty {
            Ty::Array { .. } => self.types.size_of(&data.ty),
            _ => None,
        };
        let (size, length) = match (length, whole) {
            (Some(length), _) => match length.as_integer() {
                Some(n) => (u32::try_from(n).unwrap_or(most).min(most), length),
                None => (most, length),
            },
            (None, Some(whole)) => {
                (whole.min(most), Val::int(i64::from(whole.min(most)), Ty::U64, call.span))
            }
            (None, None) => {
                let message = "buf() needs a length: only an array tells its own";
                let label = format!("this is {}", self.name(&data.ty));
                return self.error(codes::BAD_ARGUMENT, data.span, message, label);
            }
        };
        let (source, space) = self.bytes_at(call, data)?;
        let args = vec![source, length.cast(Ty::U64).into_expr()];
        let kind = ExprKind::Call { function: Function::Buffer { space }, args };
        Some(Val::new(Ty::Buffer { size }, call.span, kind))
    }

    /// None when there is a mistake, `Some(None)` when it is not given.
    fn buffer_length(&mut self, call: Call) -> Option<Option<Val>> {
        if call.args.len() < 2 {
            return Some(None);
        }
        let length = self.number(call, 1)?;
        if length.as_integer().is_some_and(|n| n < 0) {
            let message = format!("{}() cannot take a negative length", call.name);
            return self.error(codes::BAD_ARGUMENT, length.span, message, "negative");
        }
        Some(Some(length))
    }

    /// The address of what is to be copied, with its memory; or a value of the program's own, without.
    fn bytes_at(&mut self, call: Call, data: Val) -> Option<(Expr, Option<Space>)> {
        let span = data.span;
        if let Kind::Place(Place { base: Base::Memory { address, space }, offset, .. }) = &data.kind {
            let start = Val::new(Ty::U64, span, ExprKind::Cast(Box::new(address.clone()))).into_expr();
            let add = |left, right| ExprKind::Binary { op: BinaryOp::Add, left, right };
            let offset = Expr::int(*offset, Ty::U64.to_type(), span);
            let at = Val::new(Ty::U64, span, add(Box::new(start), Box::new(offset))).into_expr();
            return Some((at, Some(*space)));
        }
        let data = self.as_value(data)?;
        match &data.ty {
            Ty::Str { .. } | Ty::Array { .. } => Some((data.into_expr(), None)),
            Ty::Int { .. } | Ty::Pointer { .. } => {
                let space = data.ty.space().unwrap_or(self.body().space);
                Some((data.into_expr(), Some(space)))
            }
            ty => {
                let message = format!("{}() takes an address, text or an array", call.name);
                let label = format!("this is {}", self.name(ty));
                self.error(codes::BAD_ARGUMENT, span, message, label)
            }
        }
    }

    /// `ntop(address)`, `ntop(family, address)`
    pub(super) fn ntop(&mut self, call: Call) -> Option<Val> {
        let at = call.args.len() - 1;
        let family = if at == 1 { Some(self.number(call, 0)) } else { None };
        let address = self.expr(&call.args[at])?;
        let (address, bytes) = match &address.ty {
            Ty::Int { .. } => (self.as_value(address)?.cast(Ty::U32), LENGTH),
            Ty::Array { .. } | Ty::Str { .. } => {
                let size = self.types.size_of(&address.ty).unwrap_or(0);
                if size != 4 && size != 16 {
                    let message = "an address of the internet has 4 or 16 bytes";
                    return self.error(
                        codes::BAD_ARGUMENT,
                        address.span,
                        message,
                        format!("this has {size}"),
                    );
                }
                (self.first_bytes(address, size)?, size)
            }
            ty => {
                let message = format!("{}() takes an integer or an array", call.name);
                let label = format!("this is {}", self.name(ty));
                return self.error(codes::BAD_ARGUMENT, address.span, message, label);
            }
        };
        let family = match family {
            Some(family) => family?.cast(Ty::U32),
            None => Val::int(if bytes == 4 { AF_INET } else { AF_INET6 }, Ty::U32, call.span),
        };
        let args = vec![family.into_expr(), address.into_expr()];
        let kind = ExprKind::Call { function: Function::Inet, args };
        Some(Val::new(Ty::Inet, call.span, kind))
    }

    /// `pton("address")`: its bytes in the order of the network.
    pub(super) fn pton(&mut self, call: Call) -> Option<Val> {
        let arg = &call.args[0];
        let text = self.literal_text(call, arg)?;
        let parsed = match text.contains('.') && !text.contains(':') {
            true => text.parse().map(|address: Ipv4Addr| address.octets().to_vec()),
            false => text.parse().map(|address: Ipv6Addr| address.octets().to_vec()),
        };
        let Ok(bytes) = parsed else {
            let message = format!("`{text}` is no address of the internet");
            return self.error(codes::BAD_ARGUMENT, arg.span, message, "neither `1.2.3.4` nor `1:2::3`");
        };
        let ty = bytes_type(bytes.len() as u32);
        Some(Val::new(ty, call.span, ExprKind::Str(bytes)))
    }

    /// `macaddr(array)`, `macaddr(address)`
    pub(super) fn macaddr(&mut self, call: Call) -> Option<Val> {
        let arg = &call.args[0];
        let val = self.expr(arg)?;
        let literal = matches!(arg.kind, ast::ExprKind::Str(_));
        let size = self.types.size_of(&val.ty).unwrap_or(0);
        let bytes = match &val.ty {
            Ty::Array { .. } | Ty::Str { .. } if size >= MAC && !literal => self.first_bytes(val, MAC)?,
            Ty::Array { .. } => {
                let message = "a hardware address has 6 bytes";
                return self.error(codes::BAD_ARGUMENT, val.span, message, format!("this has {size}"));
            }
            Ty::Int { .. } | Ty::Pointer { .. } => {
                let val = self.as_value(val)?;
                let space = val.ty.space().unwrap_or(self.body().space);
                let base = Base::Memory { address: val.into_expr(), space };
                let place = Place { base, offset: 0, leads_to: None };
                Val::place(bytes_type(MAC), call.span, place)
            }
            ty => {
                let message = format!("{}() takes an array or an address", call.name);
                let label = format!("this is {}", if literal { "a literal".into() } else { self.name(ty) });
                return self.error(codes::BAD_ARGUMENT, val.span, message, label);
            }
        };
        let kind = ExprKind::Cast(Box::new(bytes.into_expr()));
        Some(Val::new(Ty::Mac, call.span, kind))
    }

    /// The first bytes of an array or text.
    pub(in super::super) fn first_bytes(&mut self, val: Val, size: u32) -> Option<Val> {
        let ty = bytes_type(size);
        if val.ty.is_str() {
            let base = Box::new(self.as_value(val.clone())?.into_expr());
            return Some(Val::new(ty, val.span, ExprKind::Part { base, offset: 0, bits: None }));
        }
        Some(Val::place(ty, val.span, Place::of(val)))
    }
}

/// Families of addresses.
pub(in super::super) const AF_INET: i64 = 2;
pub(in super::super) const AF_INET6: i64 = 10;

/// So many bytes.
pub(in super::super) fn bytes_type(count: u32) -> Ty {
    Ty::Array { element: Arc::new(Ty::fixed(1, false)), count, space: None }
}
