//! `leastwise demo`: writes a made-up organization into a folder, with the truth about it.

use std::path::Path;

use leastwise_demo::{Options, Trails, generate};

use crate::args::{DemoArguments, DemoTrails};
use crate::failure::{Exit, Failure};
use crate::output::{print, write_folder};

/// Runs the command.
pub(crate) fn run(arguments: &DemoArguments) -> Result<Exit, Failure> {
    let standard = Options::default();
    let options = Options {
        seed: arguments.seed,
        accounts: arguments.accounts.unwrap_or(standard.accounts),
        roles: arguments.roles.unwrap_or(standard.roles),
        users: arguments.users.unwrap_or(standard.users),
        events: arguments.events.unwrap_or(standard.events),
        data_events: arguments.data_events,
        gap_hours: arguments.gap_hours,
        tangles: arguments.tangles,
        trails: match arguments.trails {
            DemoTrails::Each => Trails::Each,
            DemoTrails::Several => Trails::Several,
            DemoTrails::Organization => Trails::Organization,
        },
        regions: usize::try_from(arguments.regions).unwrap_or(1),
        ..standard
    };
    let out = &arguments.out;
    let mut summary = None;
    write_folder(out, &mut |folder| {
        let made = generate(&options, &mut |name, bytes| {
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().unwrap_or(Path::new("")))?;
            std::fs::write(path, bytes)
        });
        let made = made.map_err(|e| Failure::bad_input(format!("{}: {e}", out.display()), "check the space left"))?;
        summary = Some(made);
        Ok(())
    })?;
    let Some(made) = summary else { return Ok(Exit::Clean) };
    print(&format!(
        "{}: {} principals in {} accounts, {} events, {} files\nnext: leastwise analyze {} --as-of 2026-11-01\n",
        out.display(),
        made.principals,
        options.accounts,
        made.events,
        made.files,
        out.display()
    ))?;
    Ok(Exit::Clean)
}
