//! One link for many places: what kprobe_multi and uprobe_multi share.
//!
//! The kernel takes such a list as a whole or not at all, and does not say which of its entries is to blame.

use std::io;
use std::os::fd::OwnedFd;

/// A link and how many places it holds, or the attach point that has none and why.
pub type Outcome = Result<(OwnedFd, usize), (usize, io::Error)>;

/// An entry of the list.
pub trait Entry {
    /// Index of the attach point.
    fn point(&self) -> usize;
}

/// Makes links for all of `entries`: where the kernel refuses, the list is halved until the culprits are alone.
pub fn link_halves<E: Entry>(
    entries: &[E],
    link: &impl Fn(&[E]) -> io::Result<OwnedFd>,
    out: &mut Vec<Outcome>,
) {
    if entries.is_empty() {
        return;
    }
    match link(entries) {
        Ok(fd) => out.push(Ok((fd, entries.len()))),
        Err(error) if entries.len() == 1 => out.push(Err((entries[0].point(), error))),
        Err(_) => {
            let (left, right) = entries.split_at(entries.len() / 2);
            link_halves(left, link, out);
            link_halves(right, link, out);
        }
    }
}
