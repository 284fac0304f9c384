//! Reading and writing of the snapshot's bytes.

use super::FormatError;

#[derive(Debug)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// Begins bytes of a format and a version of it.
    pub(crate) fn of(magic: [u8; 4], version: u8) -> Self {
        Writer::over(Vec::with_capacity(256), magic, version)
    }

    /// The same, in place of what is in a buffer.
    pub(crate) fn over(mut bytes: Vec<u8>, magic: [u8; 4], version: u8) -> Self {
        bytes.clear();
        bytes.extend_from_slice(&magic);
        bytes.push(version);
        Writer { bytes }
    }

    pub(crate) fn number(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    pub(crate) fn signed(&mut self, value: i64) {
        self.number(((value << 1) ^ (value >> 63)) as u64);
    }

    pub(crate) fn id(&mut self, value: u128) {
        self.bytes.extend_from_slice(&value.to_be_bytes());
    }

    pub(crate) fn text(&mut self, value: &str) {
        self.bytes(value.as_bytes());
    }

    pub(crate) fn bytes(&mut self, value: &[u8]) {
        self.number(value.len() as u64);
        self.bytes.extend_from_slice(value);
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        let sum = crc32fast::hash(&self.bytes);
        self.bytes.extend_from_slice(&sum.to_le_bytes());
        self.bytes
    }
}

#[derive(Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Checks magic, version (up to `newest`) and checksum, and stands at the start of the body.
    pub(crate) fn open_as(bytes: &'a [u8], magic: [u8; 4], newest: u8) -> Result<Self, FormatError> {
        if bytes.len() < magic.len() + 1 || bytes[..magic.len()] != magic {
            return Err(FormatError::Foreign(bytes[..bytes.len().min(8)].to_vec()));
        }
        let found = bytes[magic.len()];
        if found > newest {
            return Err(FormatError::Newer { found });
        }
        if found == 0 {
            return Err(FormatError::Damaged {
                at: magic.len(),
                what: "version 0 was never written",
            });
        }
        let Some(end) = bytes.len().checked_sub(4).filter(|end| *end > magic.len()) else {
            return Err(FormatError::Damaged {
                at: bytes.len(),
                what: "it ends before its checksum",
            });
        };
        let mut stored = [0; 4];
        stored.copy_from_slice(&bytes[end..]);
        let (found, expected) = (u32::from_le_bytes(stored), crc32fast::hash(&bytes[..end]));
        if found != expected {
            return Err(FormatError::Checksum { found, expected });
        }
        Ok(Reader {
            bytes: &bytes[..end],
            at: magic.len() + 1,
        })
    }

    /// The version found.
    pub(crate) fn version(&self) -> u8 {
        self.bytes[4]
    }

    pub(crate) fn damaged(&self, what: &'static str) -> FormatError {
        FormatError::Damaged { at: self.at, what }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], FormatError> {
        let rest = &self.bytes[self.at..];
        if rest.len() < length {
            return Err(self.damaged("it ends in the middle of a field"));
        }
        self.at += length;
        Ok(&rest[..length])
    }

    pub(crate) fn number(&mut self) -> Result<u64, FormatError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            let part = u64::from(byte & 0x7f);
            if shift == 63 && part > 1 {
                return Err(self.damaged("a number is too large"));
            }
            value |= part << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.damaged("a number is too long"))
    }

    pub(crate) fn small(&mut self) -> Result<u32, FormatError> {
        u32::try_from(self.number()?).map_err(|_| self.damaged("a number is too large"))
    }

    /// A count of things that take at least one byte each, so that a wrong one cannot reserve memory.
    pub(crate) fn count(&mut self) -> Result<usize, FormatError> {
        let count = self.number()?;
        if count > (self.bytes.len() - self.at) as u64 {
            return Err(self.damaged("a count is larger than what follows"));
        }
        Ok(count as usize)
    }

    pub(crate) fn index(&mut self, below: usize) -> Result<usize, FormatError> {
        let index = self.number()?;
        if index >= below as u64 {
            return Err(self.damaged("a reference points nowhere"));
        }
        Ok(index as usize)
    }

    pub(crate) fn flag(&mut self) -> Result<bool, FormatError> {
        match self.number()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.damaged("a flag is neither 0 nor 1")),
        }
    }

    pub(crate) fn signed(&mut self) -> Result<i64, FormatError> {
        let value = self.number()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    pub(crate) fn id(&mut self) -> Result<u128, FormatError> {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(self.take(16)?);
        Ok(u128::from_be_bytes(bytes))
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, FormatError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| self.damaged("a text is not UTF-8"))
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], FormatError> {
        let length = self.count()?;
        self.take(length)
    }

    pub(crate) fn end(&self) -> Result<(), FormatError> {
        if self.at == self.bytes.len() {
            Ok(())
        } else {
            Err(self.damaged("bytes follow its end"))
        }
    }
}
