//! Who has not answered yet. Pure.

use std::collections::BTreeSet;

use base::ids::SiteName;

/// The sites that were asked and have said nothing.
pub(super) struct Waiting(BTreeSet<SiteName>);

impl Waiting {
    pub fn new(asked: Vec<SiteName>) -> Self {
        Self(asked.into_iter().collect())
    }

    /// Whether a site's word counts: it was asked, and this is the first that it says.
    pub fn settle(&mut self, site: &SiteName) -> bool {
        self.0.remove(site)
    }

    /// Those who are waited for.
    pub fn sites(&self) -> impl Iterator<Item = &SiteName> {
        self.0.iter()
    }

    /// Whether nobody is waited for.
    pub fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    /// Waits for nobody any more, and says for whom it did.
    pub fn late(&mut self) -> Vec<SiteName> {
        std::mem::take(&mut self.0).into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_site_has_one_word() {
        let site = |name: &str| name.parse::<SiteName>().unwrap();
        let mut waiting = Waiting::new(vec![site("a"), site("b"), site("c")]);
        assert!(waiting.settle(&site("a")) && !waiting.settle(&site("a")));
        assert!(!waiting.settle(&site("nobody")) && !waiting.is_over());
        assert_eq!(waiting.late(), [site("b"), site("c")]);
        assert!(waiting.is_over() && !waiting.settle(&site("b")));
        assert!(Waiting::new(Vec::new()).is_over());
    }
}
