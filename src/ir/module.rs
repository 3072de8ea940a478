//! What the functions of a script share: maps, actions, attach points. (contract)

use cranelift_entity::PrimaryMap;

use super::entities::MapRef;
use super::function::Function;
use crate::sema::tree::AttachPoint;
use crate::source::Span;
use crate::wire::map::MapSpec;
use crate::wire::record::Action;

/// A compiled script before instruction selection.
#[derive(Clone, Debug, Default)]
pub struct Module {
    /// Programs with the attach points of each.
    pub programs: Vec<Program>,
    /// Maps; the indices of [`Action`]s and of the artifact are the same.
    pub maps: PrimaryMap<MapRef, MapSpec>,
    /// What records ask for, by index.
    pub actions: Vec<Action>,
    /// Where the script asks for each action.
    pub action_spans: Vec<Span>,
    /// Texts of the clauses, for the footer.
    pub clauses: Vec<String>,
    /// Names that `probe` values index.
    pub probe_names: Vec<String>,
    /// Formats and patterns that shapes of values index.
    pub texts: Vec<String>,
    /// Names of the functions of imported objects that programs call, by their numbers.
    pub imports: Vec<String>,
    /// Bytes of stack that the largest of them needs.
    pub import_stack: u32,
    /// Names that imported objects define, and programs cannot have.
    pub taken: Vec<String>,
}

/// A program and where it attaches.
#[derive(Clone, Debug)]
pub struct Program {
    /// Its code.
    pub function: Function,
    /// At least one.
    pub attach: Vec<AttachPoint>,
    /// Uses bpf_get_attach_cookie: each attach point's `name_index` is its cookie.
    pub cookies: bool,
    /// Rounds that its loops may do in a run, as far as the script tells.
    pub rounds: u64,
}
