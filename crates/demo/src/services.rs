//! The services and actions that a made-up organization knows: the generator's own small table.
//!
//! Groundwork of the generator. It says for each action how a call of it shows in the records, and which patterns
//! match it; both are the demo's own, so that the product's catalogue and matching are judged by something else.

/// How a call of an action shows in CloudTrail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Logged {
    /// As a management event.
    Management,
    /// As a data event, where those are switched on.
    Data,
    /// Not at all.
    Never,
    /// It has no call of its own: it is checked in the call of another action of its service.
    WithAnother,
    /// It has no call of its own: it is checked in the call of another service.
    Elsewhere,
}

#[derive(Debug)]
pub(crate) struct Action {
    pub(crate) service: usize,
    pub(crate) name: &'static str,
    pub(crate) logged: Logged,
    /// Whether IAM reports its last use.
    pub(crate) tracked: bool,
    /// The event's name; for what is checked in another action's call, that action's name.
    pub(crate) event: &'static str,
    /// Whether the generator may use it.
    pub(crate) usable: bool,
}

#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) prefix: &'static str,
    pub(crate) source: &'static str,
    pub(crate) title: String,
}

/// A set of the table's actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Bits([u64; 8]);

impl Bits {
    pub(crate) fn has(&self, action: usize) -> bool {
        self.0.get(action / 64).is_some_and(|word| word & (1 << (action % 64)) != 0)
    }

    pub(crate) fn add(&mut self, action: usize) {
        if let Some(word) = self.0.get_mut(action / 64) {
            *word |= 1 << (action % 64);
        }
    }

    fn with(self, other: Bits, join: impl Fn(u64, u64) -> u64) -> Bits {
        let mut both = self;
        both.0.iter_mut().zip(other.0).for_each(|(word, other)| *word = join(*word, other));
        both
    }

    pub(crate) fn or(self, other: Bits) -> Bits {
        self.with(other, |a, b| a | b)
    }

    pub(crate) fn and(self, other: Bits) -> Bits {
        self.with(other, |a, b| a & b)
    }

    pub(crate) fn without(self, other: Bits) -> Bits {
        self.with(other, |a, b| a & !b)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = usize> {
        (0..512).filter(move |action| self.has(*action))
    }
}

#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) services: Vec<Service>,
    pub(crate) actions: Vec<Action>,
}

impl Table {
    pub(crate) fn new() -> Table {
        let mut table = Table { services: Vec::new(), actions: Vec::new() };
        for line in include_str!("../data/services.txt").lines().filter(|line| !line.starts_with('#')) {
            let words: Vec<&'static str> = line.split_whitespace().collect();
            match (line.starts_with(' '), words.as_slice()) {
                (false, ["service", prefix, source, title @ ..]) => {
                    table.services.push(Service { prefix, source, title: title.join(" ") });
                }
                (true, [name, class, tracked, rest @ ..]) => table.actions.push(Action {
                    service: table.services.len().saturating_sub(1),
                    name,
                    logged: match *class {
                        "m" => Logged::Management,
                        "d" => Logged::Data,
                        "c" => Logged::WithAnother,
                        "p" => Logged::Elsewhere,
                        _ => Logged::Never,
                    },
                    tracked: *tracked == "t",
                    event: rest.first().copied().unwrap_or(name),
                    usable: rest.get(1).is_none() && !matches!(*class, "c" | "p"),
                }),
                _ => {}
            }
        }
        table
    }

    /// Service prefix and name.
    pub(crate) fn name(&self, action: usize) -> (&'static str, &'static str) {
        let Some(action) = self.actions.get(action) else { return ("", "") };
        (self.services.get(action.service).map_or("", |s| s.prefix), action.name)
    }

    /// The action in whose call this one is checked; itself when it has a call of its own.
    pub(crate) fn carrier(&self, action: usize) -> usize {
        match self.actions.get(action) {
            Some(own) if own.logged == Logged::WithAnother => self
                .of_service(own.service)
                .find(|at| self.actions.get(*at).is_some_and(|a| a.name == own.event))
                .unwrap_or(action),
            _ => action,
        }
    }

    pub(crate) fn full_name(&self, action: usize) -> String {
        let (service, name) = self.name(action);
        format!("{service}:{name}")
    }

    pub(crate) fn of_service(&self, service: usize) -> impl Iterator<Item = usize> + '_ {
        (0..self.actions.len()).filter(move |at| self.actions.get(*at).is_some_and(|a| a.service == service))
    }

    /// The actions that a pattern matches. The generator writes three forms only: `*`, a name, and a beginning with `*`.
    pub(crate) fn matching(&self, pattern: &str) -> Bits {
        let mut bits = Bits::default();
        for action in 0..self.actions.len() {
            let name = self.full_name(action);
            let matches = match pattern.strip_suffix('*') {
                Some(start) => name.get(..start.len()).is_some_and(|own| own.eq_ignore_ascii_case(start)),
                None => name.eq_ignore_ascii_case(pattern),
            };
            if matches {
                bits.add(action);
            }
        }
        bits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_holds_what_its_text_says() {
        let table = Table::new();
        assert!(table.actions.len() > 300 && table.actions.len() <= 512);
        let list = table.matching("S3:listallmybuckets").iter().next().unwrap();
        let action = &table.actions[list];
        assert_eq!((action.event, action.logged, action.tracked, action.usable), ("ListBuckets", Logged::Management, true, true));
        let mut names: Vec<String> = (0..table.actions.len()).map(|a| table.full_name(a)).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), table.actions.len());
        assert_eq!(table.matching("*").iter().count(), names.len());
        assert_eq!(table.matching("sts:*").iter().count(), 5);
        assert!(!table.matching("rds:*").has(table.matching("rds-db:connect").iter().next().unwrap()));
    }
}
