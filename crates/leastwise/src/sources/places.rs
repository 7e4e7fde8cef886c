//! From an offset in a policy's own text to the offset in the file in which it was found.
//!
//! A policy may be a part of a file, a string with escapes, percent-encoded, or written in YAML: what is found in it still
//! points at the line that a person can change.

/// Where the bytes of a document stand in its file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// Offsets in the document and in the file, sorted; between two of them both run alike. None: they are the same.
    points: Vec<(usize, usize)>,
}

impl Places {
    /// A document that is the file.
    #[must_use]
    pub fn same() -> Places {
        Places::default()
    }

    /// A document that begins at that offset and runs as the file does.
    #[must_use]
    pub(super) fn shifted(start: usize) -> Places {
        Places { points: vec![(0, start)] }
    }

    /// Says where the document's next bytes stand. Offsets in the document must not fall.
    pub(super) fn push(&mut self, document: usize, file: usize) {
        match self.points.last_mut() {
            Some(last) if last.0 == document => last.1 = file,
            _ => self.points.push((document, file)),
        }
    }

    /// The offset in the file.
    #[must_use]
    pub fn at(&self, offset: usize) -> usize {
        let after = self.points.partition_point(|(document, _)| *document <= offset);
        let Some((document, file)) = after.checked_sub(1).and_then(|at| self.points.get(at)) else { return offset };
        let there = file + (offset - document);
        // A run may be longer in the document than in the file, as a resolved function is.
        match self.points.get(after) {
            Some((_, next)) if next >= file => there.min(*next),
            _ => there,
        }
    }

    /// The same seen through another step: `inner` runs from a document to a text, which these places have.
    pub(super) fn through(&self, inner: &Places) -> Places {
        if inner.points.is_empty() {
            return self.clone();
        }
        let mut points: Vec<(usize, usize)> = inner.points.iter().map(|(document, text)| (*document, self.at(*text))).collect();
        // Where the outer text has a step of its own between two points of the inner.
        for (text, file) in &self.points {
            if let Some(document) = inner.before(*text) {
                points.push((document, *file));
            }
        }
        points.sort_unstable();
        points.dedup_by_key(|(document, _)| *document);
        Places { points }
    }

    /// The offset in the document of an offset in its file, where a run covers it.
    fn before(&self, file: usize) -> Option<usize> {
        let at = self.points.iter().rposition(|(_, start)| *start <= file)?;
        let (document, start) = self.points.get(at)?;
        let found = document + (file - start);
        match self.points.get(at + 1) {
            Some((next, _)) if found >= *next => None,
            _ => Some(found),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_run_alike_between_points_and_stop_at_the_next() {
        let mut places = Places::same();
        assert_eq!(places.at(7), 7);
        places.push(0, 10);
        places.push(5, 30);
        places.push(9, 31);
        for (offset, expected) in [(0, 10), (4, 14), (5, 30), (6, 31), (8, 31), (9, 31), (12, 34)] {
            assert_eq!(places.at(offset), expected, "{offset}");
        }
    }

    #[test]
    fn two_steps_are_one() {
        let outer = Places { points: vec![(0, 100), (4, 110)] };
        let inner = Places { points: vec![(0, 2)] };
        let both = outer.through(&inner);
        for offset in 0..6 {
            assert_eq!(both.at(offset), outer.at(inner.at(offset)), "{offset}");
        }
    }
}
