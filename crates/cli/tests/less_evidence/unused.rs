//! What a result of `leastwise analyze` calls unused, as a set of facts that can be compared.

use std::collections::BTreeSet;

use serde_json::Value;

/// Facts of the form `kind resource what`.
pub type Facts = BTreeSet<String>;

/// What a principal is granted according to the truth, as `service:action`.
pub fn granted(truth: &Value) -> std::collections::BTreeMap<String, BTreeSet<String>> {
    let mut all = std::collections::BTreeMap::new();
    for principal in truth["principals"].as_array().unwrap() {
        let own: &mut BTreeSet<String> = all.entry(principal["arn"].as_str().unwrap().to_owned()).or_default();
        for service in principal["services"].as_array().unwrap() {
            for state in ["used", "unused", "unobservable", "unknown", "blocked", "denied"] {
                for action in service[state].as_array().unwrap() {
                    let name = action.as_str().or(action["action"].as_str()).unwrap();
                    own.insert(format!("{}:{name}", service["service"].as_str().unwrap()));
                }
            }
        }
    }
    all
}

/// What `found` calls unused. A role that is unused as a whole stands for all that it is granted, and a service likewise.
/// With another catalog than the truth's only the truth's actions are counted.
pub fn unused(found: &Value, truth: &Value, other_catalog: bool) -> Facts {
    let granted = granted(truth);
    let nothing = BTreeSet::new();
    let mut facts = Facts::new();
    for finding in found["findings"].as_array().unwrap() {
        let resource = finding["resource"].as_str().unwrap();
        let own = granted.get(resource).unwrap_or(&nothing);
        let kind = finding["findingType"].as_str().unwrap();
        match kind {
            "UnusedIAMRole" => {
                facts.insert(format!("role {resource}"));
                facts.extend(own.iter().map(|action| format!("permission {resource} {action}")));
                facts.extend(own.iter().map(|action| format!("service {resource} {}", action.split(':').next().unwrap())));
            }
            "UnusedIAMUserAccessKey" => drop(facts.insert(format!("key {resource} {}", finding["details"]["slot"]))),
            "UnusedIAMUserPassword" => drop(facts.insert(format!("password {resource}"))),
            _ => {
                for service in finding["details"].as_array().unwrap() {
                    let prefix = service["serviceNamespace"].as_str().unwrap();
                    match service["actions"].as_array() {
                        Some(actions) => {
                            for action in actions {
                                let name = format!("{prefix}:{}", action["action"].as_str().unwrap());
                                if !other_catalog || own.contains(&name) {
                                    facts.insert(format!("permission {resource} {name}"));
                                }
                            }
                        }
                        None => {
                            let of_service = |action: &&String| action.starts_with(&format!("{prefix}:"));
                            if !other_catalog || own.iter().any(|action| of_service(&action)) {
                                facts.insert(format!("service {resource} {prefix}"));
                            }
                            let actions = own.iter().filter(of_service);
                            facts.extend(actions.map(|action| format!("permission {resource} {action}")));
                        }
                    }
                }
            }
        }
    }
    facts
}

/// Without what IAM's own exports call unused of somebody whose last activity is in the logs alone: IAM does not know the last
/// hours, and counts no assumption of a role. Where the logs are gone, that is what is left; `docs/evidence.md` says so.
pub fn without_late(facts: Facts, truth: &Value) -> Facts {
    let principals = truth["principals"].as_array().unwrap().iter();
    let late: BTreeSet<&str> = principals
        .filter(|principal| principal["onlyLogs"] == true)
        .map(|principal| principal["arn"].as_str().unwrap())
        .collect();
    let resource = |fact: &str| fact.split(' ').nth(1).unwrap().to_owned();
    let roles: BTreeSet<String> = facts.iter().filter(|fact| fact.starts_with("role ")).map(|fact| resource(fact)).collect();
    let by_iam = |fact: &String| {
        let of = resource(fact);
        late.contains(of.as_str()) && (roles.contains(&of) || fact.starts_with("key ") || fact.starts_with("password "))
    };
    facts.iter().filter(|fact| !by_iam(fact)).cloned().collect()
}
