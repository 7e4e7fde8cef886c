//! Unpacks a gz file that fits into memory in one go, which is twice as fast as in pieces.
//!
//! Only what is certain is done here: one member, as long as its trailer says, sum right. Everything else (several
//! members, a trailer that lies, a file that is cut off) is none and is left to the reader of streams, which says what is wrong.

use libdeflater::Decompressor;

/// No block of deflate unpacks to more than so many times its size (RFC 1951: 258 bytes for two bits), rounded up.
const MOST: usize = 1040;
/// What a second member begins with.
const MEMBER: [u8; 3] = [0x1f, 0x8b, 8];

/// A decompressor with its memory.
pub(crate) struct Unpacker {
    decompressor: Decompressor,
    text: Vec<u8>,
}

impl Unpacker {
    pub(crate) fn new() -> Unpacker {
        Unpacker { decompressor: Decompressor::new(), text: Vec::new() }
    }

    /// The text of a packed file, when it is one whole member of at most `limit` bytes.
    pub(crate) fn whole(&mut self, packed: &[u8], limit: usize) -> Option<&[u8]> {
        let size = packed.last_chunk::<4>().map(|size| u32::from_le_bytes(*size))?;
        let size = usize::try_from(size).ok().filter(|size| *size <= limit && *size / MOST <= packed.len())?;
        // The library stops behind the first member without saying so. A second one begins with these bytes, behind the
        // first one's size; it is the size looked for here, since no other text is taken for the whole.
        let ends =
            |at: usize| at.checked_sub(4).and_then(|size| packed.get(size..at)) == packed.last_chunk::<4>().map(|size| &size[..]);
        if memchr::memmem::find_iter(packed, &MEMBER).any(ends) {
            return None;
        }
        if self.text.len() < size {
            self.text.resize(size, 0);
        }
        let room = self.text.get_mut(..size)?;
        let written = self.decompressor.gzip_decompress(packed, room).ok()?;
        (written == size).then(|| self.text.get(..size))?
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gz(text: &[u8]) -> Vec<u8> {
        let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
        packer.write_all(text).unwrap();
        packer.finish().unwrap()
    }

    fn whole(packed: &[u8], limit: usize) -> Option<Vec<u8>> {
        Unpacker::new().whole(packed, limit).map(<[u8]>::to_vec)
    }

    #[test]
    fn one_whole_member_is_unpacked() {
        assert_eq!(whole(&gz(b"hello"), 5).as_deref(), Some(&b"hello"[..]));
        assert_eq!(whole(&gz(b""), 5).as_deref(), Some(&b""[..]));
    }

    #[test]
    fn what_is_not_one_whole_member_within_the_limit_is_none() {
        let one = gz(b"hello");
        assert_eq!(whole(&one, 4), None);
        assert_eq!(whole(&[one.clone(), one.clone()].concat(), 100), None);
        assert_eq!(whole(&[one.clone(), gz(b"hallo")].concat(), 100), None);
        assert_eq!(whole(&one[..one.len() - 1], 100), None);
        for at in 0..one.len() {
            for bit in 0..8 {
                let mut broken = one.clone();
                broken[at] ^= 1 << bit;
                // The head is not summed, and the last byte of the text has bits that mean nothing.
                assert!(whole(&broken, 100).is_none_or(|text| text == b"hello"), "{at} {bit}");
            }
        }
    }

    #[test]
    fn a_trailer_that_promises_too_much_makes_no_memory() {
        let mut liar = gz(b"hello");
        let at = liar.len() - 4;
        liar[at..].copy_from_slice(&u32::MAX.to_le_bytes());
        let mut unpacker = Unpacker::new();
        assert_eq!(unpacker.whole(&liar, usize::MAX), None);
        assert_eq!(unpacker.text.capacity(), 0);
    }
}
