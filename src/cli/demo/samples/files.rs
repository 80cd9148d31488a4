//! Uploaded files, the last few of them, in memory.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

const KEPT: usize = 8;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct File {
    /// The last part of its address.
    pub key: String,
    pub name: String,
    pub content: Bytes,
}

impl File {
    pub fn size(&self) -> usize {
        self.content.len()
    }
}

#[derive(Default)]
pub(super) struct Files(Mutex<Shelf>);

#[derive(Default)]
struct Shelf {
    files: VecDeque<File>,
    next: u64,
}

impl Files {
    pub fn keep(&self, (name, content): (String, Bytes)) {
        let mut shelf = self.shelf();
        shelf.next = shelf.next.saturating_add(1);
        let key = shelf.next.to_string();
        shelf.files.push_front(File { key, name, content });
        shelf.files.truncate(KEPT);
    }

    pub fn all(&self) -> Vec<File> {
        self.shelf().files.iter().cloned().collect()
    }

    pub fn find(&self, key: &str) -> Option<File> {
        self.shelf().files.iter().find(|file| file.key == key).cloned()
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
