//! A line of `records.jsonl`: a record as it was hashed, with the proof that it is in the log.
//!
//! Invariant: a line has one spelling; the record in it is, byte for byte, what was hashed.

use serde::{Deserialize, Serialize};

use crate::audit::Leaf;
use crate::tlog::Hash;

/// What stands in a line before the record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineHead {
    pub sequence: u64,
    /// SHA-256 of a zero byte and the record, base64.
    pub leaf: String,
    pub why: Why,
    /// From the leaf's sibling up (RFC 9162, section 2.1.3), base64.
    pub proof: Vec<String>,
}

/// Why a record is in the pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// It says which config was in force when the span began, or that none was, since the gateway had stopped.
    Config,
    /// The last start before that: what a reload cannot change was from its config.
    Start,
    /// It stands beside the span: nothing was left out between it and the span.
    Edge,
    /// It is in the span, and fits what was asked for.
    Span,
    /// It ends an access that began in the span.
    End,
    /// It says what was done about the incident that the pack is about.
    Story,
}

const RECORD: &[u8] = b",\"record\":";

pub fn write(leaf: &Leaf, why: Why, proof: &[Hash]) -> Result<Vec<u8>, serde_json::Error> {
    let proof = proof.iter().map(ToString::to_string).collect();
    let mut line = spell(&LineHead { sequence: leaf.sequence, leaf: leaf.hash().to_string(), why, proof })?;
    line.extend_from_slice(&leaf.json);
    line.extend_from_slice(b"}\n");
    Ok(line)
}

/// The head of a line and the record's bytes; `line` is without its end.
pub fn read(line: &[u8]) -> Option<(LineHead, &[u8])> {
    // Before the record stand numbers, hashes and a word: none of them holds what is looked for.
    let at = line.windows(RECORD.len()).position(|window| window == RECORD)?;
    let (head, rest) = line.split_at_checked(at)?;
    let record = rest.strip_prefix(RECORD)?.strip_suffix(b"}")?;
    let head: LineHead = serde_json::from_slice(&[head, b"}"].concat()).ok()?;
    let spelled = spell(&head).ok()?;
    (line.get(..spelled.len()) == Some(&spelled)).then_some((head, record))
}

fn spell(head: &LineHead) -> Result<Vec<u8>, serde_json::Error> {
    let mut line = serde_json::to_vec(head)?;
    line.pop();
    line.extend_from_slice(RECORD);
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_reads_back_with_the_records_own_bytes_and_in_no_other_spelling() {
        let leaf = Leaf { sequence: 7, json: br#"{"path":"/a\",\"record\":{}"}"#.to_vec() };
        let line = write(&leaf, Why::End, &[Hash([1; 32]), Hash([2; 32])]).unwrap();
        let line = line.strip_suffix(b"\n").unwrap();
        let (head, record) = read(line).unwrap();
        assert_eq!((head.sequence, head.why, head.proof.len(), record), (7, Why::End, 2, leaf.json.as_slice()));
        assert_eq!(head.leaf, leaf.hash().to_string());
        let text = std::str::from_utf8(line).unwrap();
        for (from, to) in
            [("\"sequence\":7", "\"sequence\": 7"), ("\"end\"", "\"begin\""), ("\"why\"", "\"x\":1,\"why\""), ("record", "rec")]
        {
            assert!(read(text.replacen(from, to, 1).as_bytes()).is_none(), "{to}");
        }
        assert!(read(b"").is_none() && read(&line[..40]).is_none());
    }
}
