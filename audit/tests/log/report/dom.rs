//! The page as a browser's parser reads it, every error counted.

use html5ever::tendril::TendrilSink as _;
use html5ever::tokenizer::TokenizerOpts;
use html5ever::tree_builder::TreeBuilderOpts;
use html5ever::{ParseOpts, parse_document};
use markup5ever_rcdom::{Handle, NodeData, RcDom};

pub struct Page(RcDom);

impl Page {
    /// Parses, and stops the test at the first error of the page's form.
    pub fn parse(html: &str) -> Self {
        let tokenizer = TokenizerOpts { exact_errors: true, ..TokenizerOpts::default() };
        let tree_builder = TreeBuilderOpts { exact_errors: true, ..TreeBuilderOpts::default() };
        let options = ParseOpts { tokenizer, tree_builder };
        let dom = parse_document(RcDom::default(), options).one(html);
        let errors = dom.errors.borrow().clone();
        assert!(errors.is_empty(), "{errors:?}");
        Self(dom)
    }

    fn walk(node: &Handle, visit: &mut dyn FnMut(&Handle)) {
        visit(node);
        for child in node.children.borrow().iter() {
            Self::walk(child, visit);
        }
    }

    fn all(&self, fits: impl Fn(&Handle) -> bool) -> Vec<Handle> {
        let mut found = Vec::new();
        Self::walk(&self.0.document, &mut |node| {
            if fits(node) {
                found.push(node.clone());
            }
        });
        found
    }

    /// Elements of a kind.
    pub fn elements(&self, kind: &str) -> Vec<Handle> {
        self.all(|node| is(node, kind))
    }

    /// Every element's name with its attributes.
    pub fn attributes(&self) -> Vec<(String, Vec<(String, String)>)> {
        let elements = self.all(|node| matches!(node.data, NodeData::Element { .. }));
        let read = |node: &Handle| match &node.data {
            NodeData::Element { name, attrs, .. } => {
                let attrs = attrs.borrow();
                let pairs =
                    attrs.iter().map(|it| (it.name.local.to_string(), it.value.to_string()));
                (name.local.to_string(), pairs.collect())
            }
            _ => (String::new(), Vec::new()),
        };
        elements.iter().map(read).collect()
    }

    /// The cells of the body of the table with this label, row by row.
    pub fn table(&self, label: &str) -> Vec<Vec<String>> {
        let fits = |node: &Handle| attribute(node, "aria-label").as_deref() == Some(label);
        let holders = self.all(fits);
        assert_eq!(holders.len(), 1, "one table {label}");
        let mut rows = Vec::new();
        Self::walk(&holders[0], &mut |node| {
            if is(node, "tr") {
                let children = node.children.borrow();
                let cells = children.iter().filter(|cell| is(cell, "td")).map(text);
                rows.push(cells.collect::<Vec<_>>());
            }
        });
        rows.retain(|row| !row.is_empty());
        rows
    }

    /// The words of everything with this attribute.
    pub fn texts(&self, name: &str, value: &str) -> Vec<String> {
        let found = self.all(|node| attribute(node, name).as_deref() == Some(value));
        found.iter().map(text).collect()
    }
}

fn is(node: &Handle, kind: &str) -> bool {
    matches!(&node.data, NodeData::Element { name, .. } if &*name.local == kind)
}

pub fn attribute(node: &Handle, wanted: &str) -> Option<String> {
    match &node.data {
        NodeData::Element { attrs, .. } => {
            let attrs = attrs.borrow();
            attrs.iter().find(|it| &*it.name.local == wanted).map(|it| it.value.to_string())
        }
        _ => None,
    }
}

/// All the words in a node.
pub fn text(node: &Handle) -> String {
    let mut words = String::new();
    Page::walk(node, &mut |node| {
        if let NodeData::Text { contents } = &node.data {
            words.push_str(&contents.borrow());
        }
    });
    words
}
