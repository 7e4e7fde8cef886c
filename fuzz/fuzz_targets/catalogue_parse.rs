//! Any text as a catalogue: the reader never panics, and what it accepts is its own rendering and can be asked everything.
#![no_main]

use leastwise_policy::Catalogue;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(catalogue) = Catalogue::parse(text.to_owned()) else { return };
    assert_eq!(catalogue.render(), text);
    assert_eq!(catalogue.provenance().sha256.len(), 64);
    let mut actions = 0;
    let mut previous: Option<String> = None;
    for service in catalogue.services() {
        let prefix = service.prefix().to_ascii_lowercase();
        assert!(previous.is_none_or(|p| p < prefix), "services are in order");
        let found = catalogue.service(&service.prefix().to_ascii_uppercase()).expect("a service is found by its prefix");
        assert_eq!(found.prefix(), service.prefix());
        for name in service.action_names() {
            let action = service.action(&name.to_ascii_lowercase()).expect("an action is found by its name");
            assert_eq!(action.name(), name);
            let _ = action.dependent_actions().into_iter().count();
            actions += 1;
        }
        previous = Some(prefix);
    }
    assert_eq!(catalogue.action_count(), actions);
});
