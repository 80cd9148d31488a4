//! Paths inside the tokens of a macro, which no parser has put into a tree.
//!
//! Invariant: what cannot be read for certain (`crate::$name`) is an oddity, never passed over.

use proc_macro2::{Delimiter, Group, Ident, Spacing, TokenStream, TokenTree};

use super::reader::{Reader, Seen, line};

/// Names to the reader all that `stream` names. `at`: the line to report where the tokens came out of a literal.
pub fn walk(reader: &mut Reader, stream: TokenStream, at: Option<usize>) {
    let mut tokens = Cursor { tokens: stream.into_iter().collect(), next: 0 };
    while let Some(token) = tokens.take() {
        match token {
            TokenTree::Ident(ident) if ident == "pub" => tokens.skip_restriction(),
            TokenTree::Ident(ident) if ident == "mod" => module(reader, &mut tokens, at),
            TokenTree::Ident(ident) => path(reader, &mut tokens, &ident, at),
            TokenTree::Group(group) => walk(reader, group.stream(), at),
            TokenTree::Literal(literal) => {
                if let Ok(text) = syn::parse_str::<syn::LitStr>(&literal.to_string()) {
                    reader.literal(text.value(), at.unwrap_or_else(|| line(literal.span())));
                }
            }
            TokenTree::Punct(_) => {}
        }
    }
}

struct Cursor {
    tokens: Vec<TokenTree>,
    next: usize,
}

impl Cursor {
    fn peek(&self, ahead: usize) -> Option<&TokenTree> {
        self.tokens.get(self.next + ahead)
    }

    fn take(&mut self) -> Option<TokenTree> {
        self.next += 1;
        self.tokens.get(self.next - 1).cloned()
    }

    fn take_colons(&mut self) -> bool {
        let first = matches!(self.peek(0), Some(TokenTree::Punct(p)) if p.as_char() == ':' && p.spacing() == Spacing::Joint);
        let both = first && matches!(self.peek(1), Some(TokenTree::Punct(p)) if p.as_char() == ':');
        self.next += if both { 2 } else { 0 };
        both
    }

    /// `pub(crate)`, `pub(in …)`: who sees, not what is used.
    fn skip_restriction(&mut self) {
        if let Some(TokenTree::Group(group)) = self.peek(0) {
            let first = group.stream().into_iter().next();
            let restricts = |ident: &Ident| ["crate", "super", "self", "in"].iter().any(|word| ident == word);
            if group.delimiter() == Delimiter::Parenthesis && matches!(&first, Some(TokenTree::Ident(i)) if restricts(i)) {
                self.next += 1;
            }
        }
    }

    fn take_group(&mut self, delimiter: Delimiter) -> Option<Group> {
        match self.peek(0) {
            Some(TokenTree::Group(group)) if group.delimiter() == delimiter => {
                let group = group.clone();
                self.next += 1;
                Some(group)
            }
            _ => None,
        }
    }
}

/// After `mod`: what stands in its braces is one module deeper.
fn module(reader: &mut Reader, tokens: &mut Cursor, at: Option<usize>) {
    if matches!(tokens.peek(0), Some(TokenTree::Punct(p)) if p.as_char() == '$') {
        tokens.next += 1;
    }
    let Some(TokenTree::Ident(name)) = tokens.peek(0).cloned() else { return };
    tokens.next += 1;
    if let Some(body) = tokens.take_group(Delimiter::Brace) {
        reader.module.push(name.to_string());
        walk(reader, body.stream(), at);
        reader.module.pop();
    }
}

/// A path that begins with `first`, with all leaves of a group at its end.
fn path(reader: &mut Reader, tokens: &mut Cursor, first: &Ident, at: Option<usize>) {
    let at = at.unwrap_or_else(|| line(first.span()));
    let mut written = vec![first.to_string()];
    while tokens.take_colons() {
        match tokens.peek(0).cloned() {
            Some(TokenTree::Ident(ident)) => {
                written.push(ident.to_string());
                tokens.next += 1;
            }
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                tokens.next += 1;
                return leaves(reader, &written, group.stream(), at);
            }
            Some(TokenTree::Punct(p)) if p.as_char() == '$' && in_the_house(&written) => {
                return reader.odd("a macro builds a path of the house out of pieces: nobody can read where it leads", at);
            }
            _ => break,
        }
    }
    if written != ["self"] {
        reader.name(&written, at, Seen::Inside);
    }
}

fn in_the_house(written: &[String]) -> bool {
    written.iter().all(|segment| ["crate", "super", "self", "yumen"].contains(&segment.as_str()))
}

/// The elements of `prefix::{a::b, c::{d, e}, self}`.
fn leaves(reader: &mut Reader, prefix: &[String], stream: TokenStream, at: usize) {
    let mut tokens = Cursor { tokens: stream.into_iter().collect(), next: 0 };
    while let Some(token) = tokens.take() {
        let mut written = prefix.to_vec();
        match token {
            TokenTree::Ident(ident) if ident == "self" => {}
            TokenTree::Ident(ident) => written.push(ident.to_string()),
            TokenTree::Punct(p) if p.as_char() == '$' && in_the_house(prefix) => {
                reader.odd("a macro builds a path of the house out of pieces: nobody can read where it leads", at);
            }
            _ => {}
        }
        while tokens.take_colons() {
            match tokens.take() {
                Some(TokenTree::Ident(ident)) => written.push(ident.to_string()),
                Some(TokenTree::Group(group)) => leaves(reader, &written, group.stream(), at),
                _ => {}
            }
        }
        reader.name(&written, at, Seen::Inside);
        while tokens.peek(0).is_some_and(|token| !matches!(token, TokenTree::Punct(p) if p.as_char() == ',')) {
            tokens.next += 1;
        }
        tokens.next += 1;
    }
}
