//! Unpacks gz files below a folder with libdeflate and does nothing else: what `bench/run ingest` compares reading with.
//!
//! Prints how many bytes there are and the processor's time in seconds is the caller's to measure.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]

use std::path::Path;

fn walk(path: &Path, each: &mut dyn FnMut(&Path)) {
    if path.is_dir() {
        std::fs::read_dir(path).unwrap().for_each(|entry| walk(&entry.unwrap().path(), each));
    } else {
        each(path);
    }
}

fn main() {
    let folder = std::env::args().nth(1).expect("a folder of gz files");
    let mut decompressor = libdeflater::Decompressor::new();
    let (mut text, mut total) = (Vec::new(), 0);
    walk(Path::new(&folder), &mut |path| {
        let packed = std::fs::read(path).unwrap();
        let size = u32::from_le_bytes(packed[packed.len() - 4..].try_into().unwrap()) as usize;
        if text.len() < size {
            text.resize(size, 0);
        }
        total += decompressor.gzip_decompress(&packed, &mut text[..size]).unwrap();
    });
    println!("{total}");
}
