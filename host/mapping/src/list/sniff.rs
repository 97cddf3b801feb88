//! Which character parts the cells: comma, semicolon or tab.
//!
//! Decided on the header alone, outside of quotes: rows hold free text. A first
//! line `sep=;`, as spreadsheets write it, decides at once and isn't a header.

/// What the first line says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sniffed {
    pub(super) delimiter: u8,
    /// Bytes of a `sep=` line to leave out.
    pub(super) skip: usize,
}

/// In the order of preference if two occur equally often.
const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];

/// How much text is looked at: a header of 2,000 columns.
pub(super) const SNIFF_BYTES_MAX: usize = 64 * 1024;

/// Looks for the end of the first line that isn't empty, in text that grows.
#[derive(Debug, Default)]
pub(super) struct FirstLine {
    looked_at: usize,
    quoted: bool,
    begun: bool,
    ended: bool,
}

impl FirstLine {
    /// Whether `text`, which is the text of the last call and more, is enough
    /// to decide on. So the decision doesn't depend on how the bytes arrive.
    pub(super) fn is_whole(&mut self, text: &[u8]) -> bool {
        let fresh = text.get(self.looked_at..).unwrap_or_default();
        for byte in fresh {
            match byte {
                b'\r' | b'\n' => self.ended |= self.begun && !self.quoted,
                _ => {
                    self.begun = true;
                    self.quoted ^= *byte == b'"';
                }
            }
        }
        self.looked_at = text.len();
        self.ended || text.len() >= SNIFF_BYTES_MAX
    }
}

/// `text` begins with the file's first line.
pub(super) fn sniff(text: &[u8]) -> Sniffed {
    if let Some([delimiter, b'\r' | b'\n', ..]) = text.strip_prefix(b"sep=")
        && DELIMITERS.contains(delimiter)
    {
        return Sniffed { delimiter: *delimiter, skip: b"sep=;".len() };
    }
    let text = text.get(..SNIFF_BYTES_MAX).unwrap_or(text);
    let mut counts = [0usize; DELIMITERS.len()];
    let mut quoted = false;
    for byte in text.iter().skip_while(|byte| matches!(byte, b'\r' | b'\n')) {
        match byte {
            b'"' => quoted = !quoted,
            b'\r' | b'\n' if !quoted => break,
            _ if quoted => {}
            _ => {
                for (count, delimiter) in counts.iter_mut().zip(DELIMITERS) {
                    *count += usize::from(*byte == delimiter);
                }
            }
        }
    }
    let mut best = (0, b',');
    for (count, delimiter) in counts.into_iter().zip(DELIMITERS) {
        if count > best.0 {
            best = (count, delimiter);
        }
    }
    Sniffed { delimiter: best.1, skip: 0 }
}

#[cfg(test)]
mod tests {
    use super::{Sniffed, sniff};

    #[test]
    fn the_header_decides() {
        let delimiter = |text: &str| sniff(text.as_bytes()).delimiter;
        assert_eq!(delimiter("Id,Name,Website\n1;2;3;4;5"), b',');
        assert_eq!(delimiter("Id;\"Name, legal, full\";Website\n"), b';');
        assert_eq!(delimiter("\r\n\nId\tName\tWebsite"), b'\t');
        assert_eq!(delimiter("Id"), b',');
        assert_eq!(delimiter(""), b',');
        assert_eq!(sniff(b"sep=;\r\nId,x\n"), Sniffed { delimiter: b';', skip: 5 });
    }
}
