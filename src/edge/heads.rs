//! Judges HTTP/1.1 as it comes in, before hyper parses it: what two parsers could read in two ways is not read at all.
//!
//! hyper takes a bare LF for the end of a line, drops a Content-Length beside a Transfer-Encoding and merges lengths that are
//! equal. None of that may reach it. The judge follows the framing (RFC 9112, sections 2 to 7) byte by byte, keeps nothing but
//! its place, and lets every byte pass that is fine.
//!
//! Invariant: how the bytes are cut into pieces changes nothing; a head reaches its end here only if its framing is beyond doubt.

mod field;

use field::{CHUNKED, Field, Kind, NOT_CHUNKED, Number, Seen, Word};

/// Where in the bytes just judged the first one stands that must not pass, and what is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flaw {
    pub at: usize,
    pub what: &'static str,
}

/// What comes next on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// The first byte of a request.
    Request,
    Head,
    /// So many bytes of a body.
    Body(u64),
    /// A chunked body with its trailers.
    Chunks,
    /// What follows a request for an upgrade.
    Anything,
}

/// One connection's way through its requests.
#[derive(Clone, Debug, Default)]
pub struct Heads {
    at: At,
    field: Field,
    claims: Claims,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    /// Before a request; one empty line may come first (RFC 9112, section 2.2).
    #[default]
    Between,
    BetweenLf,
    /// After that empty line.
    LineBegins,
    Line,
    LineLf,
    Field,
    Name,
    Value,
    ValueLf,
    EndLf,
    Length(u64),
    ChunkSize {
        digits: u8,
        size: u64,
    },
    ChunkExtension(u64),
    ChunkSizeLf(u64),
    ChunkData(u64),
    ChunkDataCr,
    ChunkDataLf,
    /// An upgrade was asked for: what follows may be anything, and the connection carries no other request.
    Open,
}

/// What the head says of what follows it.
#[derive(Clone, Copy, Debug, Default)]
struct Claims {
    length: Option<u64>,
    chunked: bool,
    upgrade: bool,
    /// The fields after a chunked body are being read.
    trailers: bool,
}

type Step = Result<usize, Flaw>;

impl Heads {
    /// Judges what came next. An error ends the connection; do not go on judging after it.
    pub fn judge(&mut self, bytes: &[u8]) -> Result<(), Flaw> {
        let mut done = 0_usize;
        while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
            let taken = self.step(rest).map_err(|flaw| Flaw { at: flaw.at.saturating_add(done), ..flaw })?;
            done = done.saturating_add(taken);
        }
        Ok(())
    }

    /// What the next byte would be part of: by this a test compares the judge with parsers.
    pub fn awaits(&self) -> Awaited {
        match self.at {
            At::Between => Awaited::Request,
            At::Length(left) => Awaited::Body(left),
            At::Open => Awaited::Anything,
            At::BetweenLf | At::LineBegins | At::Line | At::LineLf => Awaited::Head,
            At::Field | At::Name | At::Value | At::ValueLf | At::EndLf if !self.claims.trailers => Awaited::Head,
            _ => Awaited::Chunks,
        }
    }

    /// Takes a run of bytes, or only moves on; `bytes` is not empty.
    fn step(&mut self, bytes: &[u8]) -> Step {
        match self.at {
            At::Between => match bytes.first() {
                Some(b'\r') => self.go(At::BetweenLf, 1),
                _ => self.begin(),
            },
            At::BetweenLf => self.line_feed(bytes, At::LineBegins).inspect(|_| self.claims = Claims::default()),
            At::LineBegins => match bytes.first() {
                // Parsers skip as many empty lines as they like; what would be a head here were nothing there.
                Some(b'\r') => flaw("a second empty line before a request"),
                _ => self.go(At::Line, 0),
            },
            At::Line => self.until_cr(bytes, At::LineLf, is_of_line, "the request line has a byte that is not allowed there"),
            At::LineLf => self.line_feed(bytes, At::Field),
            At::Field => self.field(bytes),
            At::Name => self.name(bytes),
            At::Value => self.value(bytes),
            At::ValueLf => {
                self.end_field()?;
                self.line_feed(bytes, At::Field)
            }
            At::EndLf => {
                let after = self.after_head()?;
                self.line_feed(bytes, after)
            }
            At::Length(left) => Ok(self.pass(bytes, left, At::Length, At::Between)),
            At::ChunkSize { digits, size } => self.chunk_size(bytes, digits, size),
            At::ChunkExtension(size) => {
                self.until_cr(bytes, At::ChunkSizeLf(size), is_of_value, "a chunk extension has a byte that is not allowed there")
            }
            At::ChunkSizeLf(0) => {
                self.claims.trailers = true;
                self.line_feed(bytes, At::Field)
            }
            At::ChunkSizeLf(size) => self.line_feed(bytes, At::ChunkData(size)),
            At::ChunkData(left) => Ok(self.pass(bytes, left, At::ChunkData, At::ChunkDataCr)),
            At::ChunkDataCr => match bytes.first() {
                Some(b'\r') => self.go(At::ChunkDataLf, 1),
                _ => flaw("a chunk is longer than it said"),
            },
            At::ChunkDataLf => self.line_feed(bytes, At::ChunkSize { digits: 0, size: 0 }),
            At::Open => Ok(bytes.len()),
        }
    }

    fn go(&mut self, to: At, taken: usize) -> Step {
        self.at = to;
        Ok(taken)
    }

    fn begin(&mut self) -> Step {
        self.claims = Claims::default();
        self.go(At::Line, 0)
    }

    fn line_feed(&mut self, bytes: &[u8], to: At) -> Step {
        match bytes.first() {
            Some(b'\n') => self.go(to, 1),
            _ => flaw("a CR without its LF"),
        }
    }

    /// A run of what is `allowed`, up to a CR.
    fn until_cr(&mut self, bytes: &[u8], after: At, allowed: impl Fn(u8) -> bool, what: &'static str) -> Step {
        match end_of_run(bytes, allowed) {
            None => Ok(bytes.len()),
            Some((end, b'\r')) => self.go(after, end.saturating_add(1)),
            Some((at, _)) => Err(Flaw { at, what }),
        }
    }

    fn field(&mut self, bytes: &[u8]) -> Step {
        self.field = Field::default();
        match bytes.first() {
            Some(b'\r') => self.go(At::EndLf, 1),
            Some(b' ' | b'\t') => flaw("a header field continues on a second line"),
            _ => self.go(At::Name, 0),
        }
    }

    fn name(&mut self, bytes: &[u8]) -> Step {
        let (end, stop) = match end_of_run(bytes, is_of_name) {
            None => (bytes.len(), None),
            Some((end, stop)) => (end, Some(stop)),
        };
        self.field.spell(bytes.get(..end).unwrap_or_default());
        match stop {
            None => Ok(end),
            Some(b':') if self.field.length > 0 => {
                self.end_name().map_err(|what| Flaw { at: end, what })?;
                self.go(At::Value, end.saturating_add(1))
            }
            Some(b':') => Err(Flaw { at: end, what: "a header field without a name" }),
            Some(_) => Err(Flaw { at: end, what: "the name of a header field has a byte that is not allowed there" }),
        }
    }

    fn end_name(&mut self) -> Result<(), &'static str> {
        let name = self.field.name.get(..self.field.length).unwrap_or_default();
        let in_trailers = self.claims.trailers;
        match name {
            b"content-length" | b"transfer-encoding" | b"host" | b"upgrade" if in_trailers => {
                return Err("a trailer field that belongs into the head");
            }
            b"content-length" => self.field.kind = Kind::ContentLength(Number::default()),
            b"transfer-encoding" => self.field.kind = Kind::TransferEncoding(Word::default()),
            b"upgrade" => self.claims.upgrade = true,
            _ => {}
        }
        Ok(())
    }

    fn value(&mut self, bytes: &[u8]) -> Step {
        let (end, stop) = match end_of_run(bytes, is_of_value) {
            None => (bytes.len(), None),
            Some((end, stop)) => (end, Some(stop)),
        };
        let run = bytes.get(..end).unwrap_or_default();
        match &mut self.field.kind {
            Kind::Other => {}
            Kind::ContentLength(number) => number.read(run)?,
            Kind::TransferEncoding(word) => word.read(run)?,
        }
        match stop {
            None => Ok(end),
            Some(b'\r') => self.go(At::ValueLf, end.saturating_add(1)),
            Some(b'\n') => Err(Flaw { at: end, what: "a LF without its CR" }),
            Some(_) => Err(Flaw { at: end, what: "a header field has a control character" }),
        }
    }

    fn end_field(&mut self) -> Result<(), Flaw> {
        let claims = &mut self.claims;
        match self.field.kind {
            Kind::Other => Ok(()),
            Kind::ContentLength(Number { seen: Seen::Nothing, .. }) => flaw("an empty Content-Length"),
            Kind::ContentLength(_) if claims.length.is_some() => flaw("several Content-Length fields"),
            Kind::ContentLength(number) => {
                claims.length = Some(number.value);
                Ok(())
            }
            Kind::TransferEncoding(_) if claims.chunked => flaw("several Transfer-Encoding fields"),
            Kind::TransferEncoding(word) if word.letters != CHUNKED.len() => flaw(NOT_CHUNKED),
            Kind::TransferEncoding(_) => {
                claims.chunked = true;
                Ok(())
            }
        }
    }

    /// What follows the head, or the trailers.
    fn after_head(&self) -> Result<At, Flaw> {
        let Claims { length, chunked, upgrade, trailers } = self.claims;
        match (length, chunked) {
            _ if trailers => Ok(At::Between),
            (Some(_), true) => flaw("both Content-Length and Transfer-Encoding"),
            (Some(1..), _) | (_, true) if upgrade => flaw("a request for an upgrade with a body"),
            (_, true) => Ok(At::ChunkSize { digits: 0, size: 0 }),
            _ if upgrade => Ok(At::Open),
            (None | Some(0), _) => Ok(At::Between),
            (Some(length), _) => Ok(At::Length(length)),
        }
    }

    /// Lets up to `left` bytes of a body pass.
    fn pass(&mut self, bytes: &[u8], left: u64, going_on: fn(u64) -> At, after: At) -> usize {
        let here = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        match left.checked_sub(here) {
            Some(left) if left > 0 => {
                self.at = going_on(left);
                bytes.len()
            }
            _ => {
                self.at = after;
                usize::try_from(left).unwrap_or(bytes.len())
            }
        }
    }

    fn chunk_size(&mut self, bytes: &[u8], digits: u8, size: u64) -> Step {
        let Some(byte) = bytes.first().copied() else { return Ok(0) };
        match (byte, char::from(byte).to_digit(16)) {
            (_, Some(_)) if digits >= MOST_SIZE_DIGITS => flaw("a chunk size of too many digits"),
            (_, Some(digit)) => {
                let size = size.saturating_mul(16).saturating_add(u64::from(digit));
                self.go(At::ChunkSize { digits: digits.saturating_add(1), size }, 1)
            }
            (b';', _) if digits > 0 => self.go(At::ChunkExtension(size), 1),
            (b'\r', _) if digits > 0 => self.go(At::ChunkSizeLf(size), 1),
            _ => flaw("a chunk size that is not a hexadecimal number"),
        }
    }
}

/// More than anybody's chunk needs, and far from what overflows.
const MOST_SIZE_DIGITS: u8 = 12;
fn flaw<T>(what: &'static str) -> Result<T, Flaw> {
    Err(Flaw { at: 0, what })
}

/// Where the first byte stands that is not `allowed`.
fn end_of_run(bytes: &[u8], allowed: impl Fn(u8) -> bool) -> Option<(usize, u8)> {
    const BLOCK: usize = 16;
    // Without a branch for each byte, so that the compiler makes vector instructions of whole blocks.
    let is_clean = |block: &[u8; BLOCK]| block.iter().fold(true, |all, byte| all & allowed(*byte));
    let clean = bytes.as_chunks::<BLOCK>().0.iter().take_while(|block| is_clean(block)).count().saturating_mul(BLOCK);
    let mut rest = bytes.iter().copied().enumerate().skip(clean);
    rest.find(|(_, byte)| !allowed(*byte))
}

/// A fragment is never sent (RFC 9112, section 3.2); hyper would drop it.
fn is_of_line(byte: u8) -> bool {
    matches!(byte, 0x20..=0x7e) & (byte != b'#')
}

/// RFC 9110, section 5.5, with obs-text, which old back offices send and take.
fn is_of_value(byte: u8) -> bool {
    (byte >= 0x20) & (byte != 0x7f) | (byte == b'\t')
}

/// A token (RFC 9110, section 5.6.2).
fn is_of_name(byte: u8) -> bool {
    NAMED.get(usize::from(byte)).is_some_and(|named| *named)
}

#[expect(clippy::indexing_slicing, reason = "a byte cannot be out of the table's bounds, and in a constant it would not compile")]
static NAMED: [bool; 256] = {
    let mut named = [false; 256];
    let mut rest: &[u8] = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    while let [byte, more @ ..] = rest {
        named[*byte as usize] = true;
        rest = more;
    }
    named
};

#[cfg(test)]
mod tests;
