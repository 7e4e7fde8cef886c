//! Which events of a day were counted: their ids, sorted, sixteen bytes each.
//!
//! Beside the rows, so that an event that is delivered again next week still counts once. The file is only ever read and
//! written from its beginning to its end, so that its size does not matter to memory.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, ErrorKind, Read, Write};
use std::path::Path;

/// What every such file begins with: its name and the version of its layout.
const HEAD: [u8; 16] = *b"leastwise ids 1\n";

/// The ids that a file has, in order.
pub(crate) struct Known<R> {
    input: R,
    next: Option<u128>,
}

impl<R: Read> Known<R> {
    fn advance(&mut self) -> io::Result<()> {
        let mut id = [0; 16];
        self.next = match read_whole(&mut self.input, &mut id)? {
            true => Some(u128::from_be_bytes(id)),
            false => None,
        };
        Ok(())
    }
}

/// Fills the buffer; false at the end, an error within.
fn read_whole(input: &mut impl Read, buffer: &mut [u8; 16]) -> io::Result<bool> {
    let mut filled = 0;
    while let Some(room) = buffer.get_mut(filled..).filter(|room| !room.is_empty()) {
        match input.read(room) {
            Ok(0) if filled == 0 => return Ok(false),
            Ok(0) => return Err(io::Error::new(ErrorKind::UnexpectedEof, "it is cut off")),
            Ok(read) => filled += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

/// Opens the ids of a day; none are known when there is no file.
pub(crate) fn open(path: &Path) -> io::Result<Known<Box<dyn Read>>> {
    let mut input: Box<dyn Read> = match File::open(path) {
        Ok(file) => Box::new(BufReader::with_capacity(64 << 10, file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Box::new(HEAD.as_slice()),
        Err(error) => return Err(error),
    };
    let mut head = [0; 16];
    if !read_whole(&mut input, &mut head)? || head != HEAD {
        return Err(io::Error::new(ErrorKind::InvalidData, "it is no list of ids of this version"));
    }
    let mut known = Known { input, next: None };
    known.advance()?;
    Ok(known)
}

/// Writes the known ids and the new ones among `sorted` into `out`, each once, and calls `fresh` with the place of each
/// new one. Of equal ids in `sorted` the first counts.
pub(crate) fn union<R: Read>(
    mut known: Known<R>,
    sorted: &[u128],
    out: impl Write,
    fresh: &mut dyn FnMut(usize),
) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(64 << 10, out);
    out.write_all(&HEAD)?;
    let mut before = None;
    for (at, id) in sorted.iter().enumerate() {
        if before == Some(*id) {
            continue;
        }
        before = Some(*id);
        while let Some(own) = known.next.filter(|own| own < id) {
            out.write_all(&own.to_be_bytes())?;
            known.advance()?;
        }
        if known.next == Some(*id) {
            continue;
        }
        fresh(at);
        out.write_all(&id.to_be_bytes())?;
    }
    while let Some(own) = known.next {
        out.write_all(&own.to_be_bytes())?;
        known.advance()?;
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(file: &mut Vec<u8>, sorted: &[u128]) -> Vec<usize> {
        let mut input = file.as_slice();
        let mut head = [0; 16];
        assert!(file.is_empty() || read_whole(&mut input, &mut head).unwrap());
        let mut known = Known { input, next: None };
        known.advance().unwrap();
        let (mut out, mut fresh) = (Vec::new(), Vec::new());
        union(known, sorted, &mut out, &mut |at| fresh.push(at)).unwrap();
        *file = out;
        fresh
    }

    #[test]
    fn every_id_is_new_once_whatever_the_portions() {
        let mut file = Vec::new();
        assert_eq!(add(&mut file, &[3, 5, 5, 9]), [0, 1, 3]);
        assert_eq!(add(&mut file, &[1, 3, 4, 5, u128::MAX]), [0, 2, 4]);
        assert_eq!(add(&mut file, &[]), [] as [usize; 0]);
        let mut whole = Vec::new();
        add(&mut whole, &[1, 3, 4, 5, 9, u128::MAX]);
        assert_eq!(file, whole);
        assert_eq!(file.len(), 16 * 7);
    }

    #[test]
    fn a_file_that_is_cut_off_is_an_error_and_not_a_shorter_list() {
        let mut file = Vec::new();
        add(&mut file, &[3, 5]);
        let mut known = Known { input: &file[16..file.len() - 1], next: None };
        known.advance().unwrap();
        assert!(union(known, &[], Vec::new(), &mut |_| {}).is_err());
    }
}
