//! Types of all binaries that a script probes, in the form of BTF.
//!
//! An id is given to a type when something first refers to it; what is behind it is read when it is asked for.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use super::read::{self, Dwarf, Entry};
use super::{FIRST_TYPE, Signature};
use crate::host::btf::{Btf, BtfKind, BtfType, TypeId};

/// A file with debug information.
pub trait DebugFile {
    /// Its sections.
    fn dwarf(&self) -> Dwarf<'_>;
}

/// Finds the debug information of a binary; None when it has none.
pub type Find = Box<dyn Fn() -> Option<Rc<dyn DebugFile>>>;

/// A binary; whether it has debug information is found out when something is asked.
struct Known {
    find: Find,
    file: OnceCell<Option<Rc<dyn DebugFile>>>,
    names: OnceCell<HashMap<(BtfKind, String), usize>>,
}

impl Known {
    fn file(&self) -> Option<&Rc<dyn DebugFile>> {
        self.file.get_or_init(|| (self.find)()).as_ref()
    }

    fn names(&self) -> &HashMap<(BtfKind, String), usize> {
        self.names.get_or_init(|| self.file().map(|file| read::names(&file.dwarf())).unwrap_or_default())
    }
}

/// See the module.
#[derive(Default)]
pub struct UserTypes {
    files: RefCell<Vec<Rc<Known>>>,
    /// By id: file and place.
    entries: RefCell<Vec<(usize, Entry)>>,
    ids: RefCell<HashMap<(usize, Entry), TypeId>>,
    decoded: RefCell<HashMap<TypeId, BtfType>>,
}

impl UserTypes {
    /// Takes a binary in; gives its number.
    pub fn add(&self, find: Find) -> usize {
        let mut files = self.files.borrow_mut();
        files.push(Rc::new(Known { find, file: OnceCell::new(), names: OnceCell::new() }));
        files.len() - 1
    }

    /// The debug information of that binary.
    pub fn file(&self, number: usize) -> Option<Rc<dyn DebugFile>> {
        let known = self.files.borrow().get(number)?.clone();
        known.file().cloned()
    }

    /// What the function at an address of that file takes and gives.
    pub fn signature(&self, file: usize, address: u64) -> Option<Signature> {
        let raw = read::signature(&self.file(file)?.dwarf(), address)?;
        let named = |(name, entry): (String, Option<Entry>)| (name, self.id(file, entry));
        Some(Signature {
            parameters: raw.parameters.into_iter().map(named).collect(),
            result: self.id(file, raw.result),
            convention: raw.convention,
        })
    }

    fn id(&self, file: usize, entry: Option<Entry>) -> TypeId {
        let Some(entry) = entry else { return TypeId(0) };
        *self.ids.borrow_mut().entry((file, entry)).or_insert_with(|| {
            let mut entries = self.entries.borrow_mut();
            entries.push((file, entry));
            TypeId(FIRST_TYPE + entries.len() as u32 - 1)
        })
    }
}

impl Btf for UserTypes {
    fn find(&self, kind: BtfKind, name: &str) -> Option<TypeId> {
        let files = self.files.borrow().clone();
        files.iter().enumerate().find_map(|(number, known)| {
            let offset = *known.names().get(&(kind, name.to_string()))?;
            Some(self.id(number, Some(Entry { offset, skipped: 0 })))
        })
    }

    fn get(&self, id: TypeId) -> BtfType {
        if let Some(known) = self.decoded.borrow().get(&id) {
            return known.clone();
        }
        let at = id.0.checked_sub(FIRST_TYPE).and_then(|at| self.entries.borrow().get(at as usize).copied());
        let Some((file, entry)) = at else { return BtfType::Void };
        let decode =
            |debug: Rc<dyn DebugFile>| read::decode(&debug.dwarf(), entry, &mut |entry| self.id(file, entry));
        let decoded = self.file(file).and_then(decode).unwrap_or(BtfType::Void);
        self.decoded.borrow_mut().insert(id, decoded.clone());
        decoded
    }

    fn is_const(&self, id: TypeId) -> bool {
        let at = id.0.checked_sub(FIRST_TYPE).and_then(|at| self.entries.borrow().get(at as usize).copied());
        let file = at.and_then(|(file, entry)| Some((self.file(file)?, entry)));
        file.is_some_and(|(file, entry)| read::is_const(&file.dwarf(), entry))
    }

    fn names(&self, kind: BtfKind) -> Vec<String> {
        let files = self.files.borrow().clone();
        let names = |known: &Rc<Known>| -> Vec<String> {
            let names = known.names();
            names.keys().filter(|(own, _)| *own == kind).map(|(_, name)| name.clone()).collect()
        };
        files.iter().flat_map(names).collect()
    }

    fn enum_constant(&self, _name: &str) -> Option<(i64, TypeId)> {
        None
    }
}
