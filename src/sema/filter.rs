//! `--probe-filter`: a regular expression over the names of probes.

use regex_lite::Regex;

/// A filter. It fits a name of which any part fits.
#[derive(Clone, Debug)]
pub struct Filter(Regex);

impl Filter {
    /// Reads a regular expression.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(text: &str) -> Result<Filter, String> {
        Regex::new(text).map(Filter).map_err(|error| error.to_string())
    }

    /// True when it fits the probe with this name.
    pub fn fits(&self, name: &str) -> bool {
        self.0.is_match(name)
    }
}

impl PartialEq for Filter {
    fn eq(&self, other: &Filter) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for Filter {}

#[cfg(test)]
mod tests {
    use super::Filter;

    #[test]
    fn any_part_of_the_name_fits() {
        let filter = Filter::parse("vfs_(read|write)$").unwrap();
        assert!(filter.fits("kprobe:vfs_read") && !filter.fits("kprobe:vfs_readv"));
        assert!(Filter::parse("(").is_err());
    }
}
