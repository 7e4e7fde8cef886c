//! Lists the pages about checks (`docs/checks`), so that the server has all of them without a list that somebody has to keep.

use std::fmt::Write;
use std::path::Path;

#[allow(clippy::print_stdout)] // This is how a build script speaks to cargo.
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = Path::new(&std::env::var("CARGO_MANIFEST_DIR")?).join("../../docs/checks").canonicalize()?;
    println!("cargo:rerun-if-changed={}", folder.display());
    println!("cargo:rerun-if-changed=build.rs");
    let mut pages = Vec::new();
    for entry in std::fs::read_dir(&folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "md")
            && let Some(code) = path.file_stem().and_then(|stem| stem.to_str())
        {
            pages.push((code.to_owned(), path));
        }
    }
    pages.sort();
    let mut text = "/// Codes and pages.\nconst PAGES: &[(&str, &str)] = &[\n".to_owned();
    for (code, path) in pages {
        writeln!(text, "    ({code:?}, include_str!({:?})),", path.display().to_string())?;
    }
    text.push_str("];\n");
    std::fs::write(Path::new(&std::env::var("OUT_DIR")?).join("pages.rs"), text)?;
    Ok(())
}
