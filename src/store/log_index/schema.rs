//! How the index lies on the disk. Whatever else is found there is begun anew, so nothing here is ever migrated.

/// A change of anything below, or of what terms a record has, takes the next number.
pub(super) const FORMAT: i64 = 4;

/// What marks the file as an index of a log ("YLIX").
pub(super) const APPLICATION: i64 = 0x594c_4958;

/// Records between two marks of the time were written within this.
pub(super) const TICK_MS: i64 = 10_000;

pub(super) const HOUR_MS: i64 = 3_600_000;

/// Terms are named by number. One list of sequences for each term serves every question that there is: such a list is in the order of the
/// answer, so nothing is ever sorted but a few pages.
pub(super) const TABLES: &[&str] = &[
    "CREATE TABLE state (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        up_to INTEGER NOT NULL,
        leaf BLOB NOT NULL,
        peak INTEGER NOT NULL,
        back INTEGER NOT NULL,
        begins INTEGER NOT NULL
    )",
    "CREATE TABLE words (id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, value TEXT NOT NULL, UNIQUE (kind, value))",
    "CREATE TABLE counts (term INTEGER PRIMARY KEY, count INTEGER NOT NULL)",
    // Each word by the pairs of its characters: the usual tokenizers need words with spaces between them, or three characters.
    "CREATE VIRTUAL TABLE grams USING fts5 (
        pairs, content = '', tokenize = \"ascii tokenchars '!\"\"#$%&''()*+,-./:;<=>?@[\\]^_`{|}~'\"
    )",
    "CREATE TABLE postings (term INTEGER NOT NULL, sequence INTEGER NOT NULL, PRIMARY KEY (term, sequence)) WITHOUT ROWID",
    "CREATE TABLE entries (sequence INTEGER PRIMARY KEY, closed INTEGER, at INTEGER NOT NULL, terms BLOB NOT NULL)",
    "CREATE TABLE mentions (
        reference BLOB NOT NULL, sequence INTEGER NOT NULL, opened INTEGER NOT NULL, PRIMARY KEY (reference, sequence)
    ) WITHOUT ROWID",
    // The first sequence that was written when the clock had come so far.
    "CREATE TABLE marks (tick INTEGER PRIMARY KEY, sequence INTEGER NOT NULL)",
    // `reason` 0: allowed.
    "CREATE TABLE tallies (
        hour INTEGER NOT NULL, app INTEGER NOT NULL, reason INTEGER NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (hour, app, reason)
    ) WITHOUT ROWID",
    "INSERT INTO state (id, up_to, leaf, peak, back, begins) VALUES (1, 0, x'', 0, 0, 0)",
];
