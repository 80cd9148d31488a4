//! What one source file names: every path with its aliases, `super::` and `self::` resolved, every string literal, and
//! whatever would lead the reader astray.
//!
//! Invariant: a path of this package begins with `crate` after resolution, whatever was written.

use std::collections::HashMap;

use proc_macro2::{Span, TokenStream};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemUse, UseTree, Visibility};

use super::tokens;

/// Who sees a name that a `use` binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// No `use`, or one that only its own top-level module sees.
    Inside,
    /// A re-export: other top-level modules see it.
    Outside,
}

#[derive(Clone, Debug)]
pub struct Name {
    pub segments: Vec<String>,
    pub line: usize,
    pub seen: Seen,
}

#[derive(Default)]
pub struct Facts {
    pub names: Vec<Name>,
    pub literals: Vec<(String, usize)>,
    /// What would make the paths mean something else than they say.
    pub oddities: Vec<(String, usize)>,
}

/// Reads `source`, which is the module `module` (`["web", "pages"]`; empty for the root).
pub fn read(module: &[String], source: &str) -> syn::Result<Facts> {
    let file = syn::parse_file(source)?;
    let mut aliases = Aliases { module: module.to_vec(), ..Aliases::default() };
    aliases.visit_file(&file);
    let mut reader = Reader { module: module.to_vec(), aliases: aliases.bound, attribute: Attributed::No, facts: Facts::default() };
    reader.root_holds_only_modules(&file);
    reader.visit_file(&file);
    Ok(reader.facts)
}

/// `crate`, `yumen`, `self` and `super` chains as a path from the root; other paths as they are.
pub fn resolve(module: &[String], written: &[String]) -> Vec<String> {
    let from = |at: &[String], rest: &[String]| [&["crate".to_owned()], at, rest].concat();
    match written.split_first() {
        Some((first, rest)) if first == "crate" || first == "yumen" => from(&[], rest),
        Some((first, rest)) if first == "self" && !rest.is_empty() => match rest[0].as_str() {
            "super" => resolve(module, rest),
            _ => from(module, rest),
        },
        Some((first, _)) if first == "super" => {
            let ups = written.iter().take_while(|segment| *segment == "super").count();
            from(&module[..module.len().saturating_sub(ups)], &written[ups..])
        }
        _ => written.to_vec(),
    }
}

/// The leaves of a `use` tree: the whole path and the name that it binds (`None` for a glob).
fn leaves(prefix: &[String], tree: &UseTree, each: &mut impl FnMut(Vec<String>, Option<String>)) {
    let with = |ident: &syn::Ident| match ident.to_string().as_str() {
        "self" if !prefix.is_empty() => prefix.to_vec(),
        name => [prefix, &[name.to_owned()]].concat(),
    };
    match tree {
        UseTree::Path(path) => leaves(&with(&path.ident), &path.tree, each),
        UseTree::Name(name) => {
            let path = with(&name.ident);
            let bound = path.last().cloned();
            each(path, bound);
        }
        UseTree::Rename(rename) => each(with(&rename.ident), Some(rename.rename.to_string())),
        UseTree::Glob(_) => each(prefix.to_vec(), None),
        UseTree::Group(group) => group.items.iter().for_each(|tree| leaves(prefix, tree, each)),
    }
}

/// First pass: what the `use` items of a file bind, wherever they stand in it.
#[derive(Default)]
struct Aliases {
    module: Vec<String>,
    bound: HashMap<String, Vec<Vec<String>>>,
}

impl<'ast> Visit<'ast> for Aliases {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let Self { module, bound } = self;
        leaves(&[], &item.tree, &mut |path, name| {
            if let Some(name) = name.filter(|name| name != "_" && path.len() > 1) {
                bound.entry(name).or_default().push(resolve(module, &path));
            }
        });
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Attributed {
    No,
    Yes,
}

pub struct Reader {
    pub module: Vec<String>,
    aliases: HashMap<String, Vec<Vec<String>>>,
    attribute: Attributed,
    pub facts: Facts,
}

impl Reader {
    /// Takes a path as it was written, in whatever place; a local name stands for what `use` bound to it.
    pub fn name(&mut self, written: &[String], line: usize, seen: Seen) {
        let bound = written.first().and_then(|first| self.aliases.get(first)).cloned().unwrap_or_default();
        for alias in &bound {
            let segments = [alias, written.get(1..).unwrap_or_default()].concat();
            self.facts.names.push(Name { segments, line, seen });
        }
        if bound.is_empty() {
            self.facts.names.push(Name { segments: resolve(&self.module, written), line, seen });
        }
    }

    /// Takes a literal; in an attribute it may be a path (`#[serde(with = "…")]`).
    pub fn literal(&mut self, text: String, line: usize) {
        let path = self.attribute == Attributed::Yes && text.contains("::");
        if let Some(stream) = path.then(|| text.parse::<TokenStream>().ok()).flatten() {
            tokens::walk(self, stream, Some(line));
        }
        self.facts.literals.push((text, line));
    }

    pub fn odd(&mut self, what: &str, line: usize) {
        self.facts.oddities.push((what.to_owned(), line));
    }

    fn root_holds_only_modules(&mut self, file: &syn::File) {
        if !self.module.is_empty() {
            return;
        }
        for item in &file.items {
            if !matches!(item, Item::Mod(item) if item.content.is_none()) {
                self.odd("the root holds only `mod name;`: whatever else stands there is on no floor", line(span_of(item)));
            }
        }
    }

    fn seen(&self, visibility: &Visibility) -> Seen {
        let home = match visibility {
            Visibility::Public(_) => return Seen::Outside,
            Visibility::Restricted(restricted) => resolve(&self.module, &segments(&restricted.path)),
            _ => return Seen::Inside,
        };
        if home.len() == 1 && home[0] == "crate" { Seen::Outside } else { Seen::Inside }
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if self.module == ["main"] && item.content.is_none() {
            self.odd("main has no modules of its own: it names `yumen::`", line(item.ident.span()));
        }
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        item.attrs.iter().for_each(|attribute| self.visit_attribute(attribute));
        let seen = self.seen(&item.vis);
        let mut found = Vec::new();
        leaves(&[], &item.tree, &mut |path, _| found.push(path));
        found.iter().for_each(|path| self.name(path, line(item.use_token.span), seen));
    }

    fn visit_item_extern_crate(&mut self, item: &'ast syn::ItemExternCrate) {
        self.odd("`extern crate` gives a crate a second name", line(item.ident.span()));
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        if call.path.is_ident("include") {
            self.odd("`include!` hides which module a file belongs to", line(call.bang_token.span));
        }
        visit::visit_macro(self, call);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        let path = attribute.path();
        if path.is_ident("doc") {
            return;
        }
        if path.is_ident("path") || path.is_ident("macro_use") {
            self.odd("`#[path]` and `#[macro_use]` hide where names come from", line(attribute.pound_token.span));
        }
        self.attribute = Attributed::Yes;
        visit::visit_attribute(self, attribute);
        self.attribute = Attributed::No;
    }

    /// `pub(crate)` and its like name who sees, not what is used.
    fn visit_vis_restricted(&mut self, _: &'ast syn::VisRestricted) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let first = path.segments.first().map_or(0, |segment| line(segment.ident.span()));
        self.name(&segments(path), first, Seen::Inside);
        visit::visit_path(self, path);
    }

    fn visit_lit_str(&mut self, literal: &'ast syn::LitStr) {
        self.literal(literal.value(), line(literal.span()));
    }

    fn visit_token_stream(&mut self, stream: &'ast TokenStream) {
        tokens::walk(self, stream.clone(), None);
    }
}

fn segments(path: &syn::Path) -> Vec<String> {
    path.segments.iter().map(|segment| segment.ident.to_string()).collect()
}

fn span_of(item: &Item) -> Span {
    use syn::spanned::Spanned;
    item.span()
}

pub fn line(span: Span) -> usize {
    span.start().line
}
