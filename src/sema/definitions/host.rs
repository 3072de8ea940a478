//! A machine with the script's types beside its own.
//!
//! Invariant: every question but that for types goes to the machine itself; a test holds that none is forgotten.

use super::Definitions;
use crate::host::imports::Compiled;
use crate::host::{
    Binaries, BpfFunction, Btf, Entry, Feature, Header, HeaderPlace, Host, HostError, KernelFunction,
};

/// The machine, with `types` in the place of its types.
pub(in crate::sema) struct WithDefinitions<'a> {
    pub host: &'a dyn Host,
    pub types: Definitions<'a>,
}

impl Host for WithDefinitions<'_> {
    fn has(&self, feature: Feature) -> bool {
        self.host.has(feature)
    }

    fn comm_offset(&self) -> Option<u32> {
        self.host.comm_offset()
    }

    fn possible_cpus(&self) -> u32 {
        self.host.possible_cpus()
    }

    fn tracepoint_format(&self, category: &str, event: &str) -> Result<String, HostError> {
        self.host.tracepoint_format(category, event)
    }

    fn tracepoints(&self) -> Result<&[(String, String)], HostError> {
        self.host.tracepoints()
    }

    fn kernel_functions(&self) -> Result<&[KernelFunction], HostError> {
        self.host.kernel_functions()
    }

    fn is_kernel_symbol(&self, name: &str) -> bool {
        self.host.is_kernel_symbol(name)
    }

    fn symbol_address(&self, name: &str) -> Option<u64> {
        self.host.symbol_address(name)
    }

    fn may_call(&self, function: &str, program_type: u32) -> bool {
        self.host.may_call(function, program_type)
    }

    fn may_ask_path(&self, name: &str, iterator: bool) -> bool {
        self.host.may_ask_path(name, iterator)
    }

    fn cgroup_id(&self, path: &str) -> Result<u64, HostError> {
        self.host.cgroup_id(path)
    }

    fn btf(&self) -> Result<&dyn Btf, HostError> {
        Ok(&self.types)
    }

    fn bpf_functions(&self) -> Result<Vec<BpfFunction>, HostError> {
        self.host.bpf_functions()
    }

    fn btf_modules(&self) -> Vec<String> {
        self.host.btf_modules()
    }

    fn sample_limit(&self) -> Option<u64> {
        self.host.sample_limit()
    }

    fn binaries(&self) -> &dyn Binaries {
        self.host.binaries()
    }

    fn header(&self, name: &str, place: HeaderPlace) -> Option<Header> {
        self.host.header(name, place)
    }

    fn import(&self, path: &str) -> Option<Entry> {
        self.host.import(path)
    }

    fn compile(&self, path: &str) -> Compiled {
        self.host.compile(path)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_question_is_passed_on() {
        let questions = include_str!("../../host/mod.rs").split("pub trait Host").nth(1).unwrap();
        let passed_on = include_str!("host.rs");
        for question in questions.split("    fn ").skip(1) {
            let name = question.split('(').next().unwrap();
            let own = format!("fn {name}(");
            assert!(passed_on.contains(&own), "`{name}` of trait Host must be passed on here too");
        }
    }
}
