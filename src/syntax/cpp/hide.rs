//! The macros that a token came out of, which may not expand in it again.
//!
//! Sets are small, shared and never change: taking one along costs a pointer.

use std::rc::Rc;

/// A set of macros, by their numbers, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Hidden(Option<Rc<[u32]>>);

impl Hidden {
    fn list(&self) -> &[u32] {
        self.0.as_deref().unwrap_or(&[])
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list().len()
    }

    /// True when `id` is in the set.
    pub fn has(&self, id: u32) -> bool {
        self.list().binary_search(&id).is_ok()
    }

    /// The set with `id`.
    pub fn with(&self, id: u32) -> Hidden {
        match self.list().binary_search(&id) {
            Ok(_) => self.clone(),
            Err(at) => {
                let mut list = self.list().to_vec();
                list.insert(at, id);
                Hidden(Some(list.into()))
            }
        }
    }

    /// What is in either.
    pub fn union(&self, other: &Hidden) -> Hidden {
        if self == other || other.list().is_empty() {
            return self.clone();
        }
        other.list().iter().fold(self.clone(), |set, id| set.with(*id))
    }

    /// What is in both.
    pub fn common(&self, other: &Hidden) -> Hidden {
        if self == other {
            return self.clone();
        }
        let list: Vec<u32> = self.list().iter().copied().filter(|id| other.has(*id)).collect();
        Hidden((!list.is_empty()).then(|| list.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_of_macros() {
        let (a, b) = (Hidden::default().with(3).with(1), Hidden::default().with(1).with(2));
        assert!(a.has(1) && a.has(3) && !a.has(2));
        assert_eq!(a.common(&b), Hidden::default().with(1));
        assert_eq!(a.union(&b), Hidden::default().with(2).with(1).with(3));
        assert_eq!(a.with(1), a);
    }
}
