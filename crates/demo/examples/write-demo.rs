//! Writes a made-up organization into a folder: for development and benchmarks; users have `leastwise demo`.
//!
//! `write-demo OUT [seed=1] [accounts=3] [roles=60] [users=15] [events=20000] [days=95] [truth=1] [data-events=0] [gap-hours=0] [tangles=0] [regions=1]`

use std::error::Error;
use std::io::Write;
use std::path::Path;

use leastwise_demo::{Options, generate};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let out = arguments.next().ok_or("no OUT given")?;
    let mut options = Options::default();
    for argument in arguments {
        let (key, value) = argument.split_once('=').ok_or("options are written key=value")?;
        match key {
            "seed" => options.seed = value.parse()?,
            "accounts" => options.accounts = value.parse()?,
            "roles" => options.roles = value.parse()?,
            "users" => options.users = value.parse()?,
            "events" => options.events = value.parse()?,
            "days" => options.days = value.parse()?,
            "truth" => options.truth = value == "1",
            "data-events" => options.data_events = value == "1",
            "tangles" => options.tangles = value == "1",
            "regions" => options.regions = value.parse()?,
            "gap-hours" => options.gap_hours = value.parse()?,
            _ => return Err(format!("`{key}` is no option").into()),
        }
    }
    let summary = generate(&options, &mut |name, bytes| {
        let path = Path::new(&out).join(name);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(path, bytes)
    })?;
    writeln!(std::io::stdout(), "{summary:?}")?;
    Ok(())
}
