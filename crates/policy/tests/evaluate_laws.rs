//! Laws of evaluation, on random policies and requests: what must be true whatever the policies say.
//!
//! The policies are small and share few names, so that statements often meet the request.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use leastwise_policy::Policy;
use leastwise_policy::arn::{self, Unit};
use leastwise_policy::evaluate::{Context, Decision, Outcome, PolicySet, Principal, Request};
use leastwise_policy::{ActionName, Effect};
use proptest::prelude::*;

fn statement(principal: bool) -> impl Strategy<Value = String> {
    let action = prop_oneof![Just("*"), Just("sqs:*"), Just("sqs:Send*"), Just("sqs:ReceiveMessage"), Just("s3:*")];
    let resource = prop_oneof![
        Just("*"),
        Just("arn:aws:sqs:*:*:jobs"),
        Just("arn:aws:sqs:eu-west-1:111122223333:${k:Name, 'x'}"),
        Just("arn:aws:s3:::b")
    ];
    let condition = prop_oneof![
        3 => Just(String::new()),
        1 => ("(ForAllValues:|ForAnyValue:|)", "String(Not|)(Equals|Like)", "(IfExists|)", "[ab*]{0,2}").prop_map(
            |(set, name, if_exists, value)| format!(r#", "Condition": {{"{set}{name}{if_exists}": {{"k:Name": "{value}"}}}}"#)
        ),
    ];
    let who = prop_oneof![
        Just(r#""*""#),
        Just(r#"{"AWS": "111122223333"}"#),
        Just(r#"{"AWS": "arn:aws:iam::111122223333:user/ana"}"#),
        Just(r#"{"AWS": "arn:aws:iam::111122223333:role/app"}"#),
        Just(r#"{"Service": "sns.amazonaws.com"}"#)
    ];
    (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), action, resource, condition, who).prop_map(
        move |(deny, not_action, not_resource, not_principal, action, resource, condition, who)| {
            let not = |negated| if negated { "Not" } else { "" };
            let effect = if deny { "Deny" } else { "Allow" };
            let who = if principal { format!(r#""{}Principal": {who}, "#, not(not_principal)) } else { String::new() };
            format!(
                r#"{{"Effect": "{effect}", {who}"{}Action": "{action}", "{}Resource": "{resource}"{condition}}}"#,
                not(not_action),
                not(not_resource)
            )
        },
    )
}

fn policy(principal: bool) -> impl Strategy<Value = String> {
    prop::collection::vec(statement(principal), 0..4)
        .prop_map(|list| format!(r#"{{"Version": "2012-10-17", "Statement": [{}]}}"#, list.join(", ")))
}

fn request() -> impl Strategy<Value = Request> {
    let caller = prop_oneof![
        Just("*"),
        Just("sns.amazonaws.com"),
        Just("arn:aws:iam::111122223333:root"),
        Just("arn:aws:iam::111122223333:user/ana"),
        Just("arn:aws:iam::444455556666:user/ana"),
        Just("arn:aws:iam::111122223333:role/app"),
        Just("arn:aws:sts::111122223333:assumed-role/app/s"),
        Just("arn:aws:sts::111122223333:federated-user/ana")
    ];
    let action = prop_oneof![Just("sqs:SendMessage"), Just("sqs:ReceiveMessage"), Just("s3:GetObject")];
    let resource = prop_oneof![Just("*"), Just("arn:aws:sqs:eu-west-1:111122223333:jobs"), Just("arn:aws:s3:::b")];
    let values = prop::option::of(prop::collection::vec("[ab]{0,2}", 0..3));
    (caller, action, resource, values).prop_map(|(caller, action, resource, values)| {
        let mut context = Context::default();
        if let Some(values) = values {
            context.insert("k:Name", values);
        }
        Request {
            principal: Principal::parse(caller).unwrap(),
            action: ActionName::parse(action).unwrap(),
            resource: resource.into(),
            resource_account: None,
            context,
        }
    })
}

/// Policies for every kind: identity, resource, boundary, session, service and resource control.
fn policies() -> impl Strategy<Value = [Vec<Policy>; 6]> {
    let list = |principal| {
        prop::collection::vec(policy(principal), 0..3)
            .prop_map(|texts| texts.iter().map(|text| Policy::parse(text).unwrap()).collect::<Vec<_>>())
    };
    [list(false), list(true), list(false), list(false), list(false), list(true)]
}

fn set(policies: &[Vec<Policy>; 6]) -> PolicySet<'_> {
    let [identity, resource, boundaries, session, service, control] = policies;
    PolicySet {
        identity: identity.iter().collect(),
        resource: resource.first(),
        boundaries: boundaries.iter().collect(),
        session: session.iter().collect(),
        service_control: service.iter().map(|policy| vec![policy]).collect(),
        resource_control: control.iter().map(|policy| vec![policy]).collect(),
        ..PolicySet::default()
    }
}

fn everything(effect: &str) -> Policy {
    Policy::parse(&format!(r#"{{"Statement": {{"Effect": "{effect}", "Action": "*", "Resource": "*"}}}}"#)).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn an_explicit_deny_anywhere_always_wins(request in request(), policies in policies(), place in 0..3_usize) {
        let deny = everything("Deny");
        let mut set = set(&policies);
        [&mut set.identity, &mut set.boundaries, &mut set.session][place].push(&deny);
        prop_assert_eq!(set.evaluate(&request).decision, Decision::ExplicitlyDenied);
    }

    #[test]
    fn one_more_allow_never_turns_allowed_into_denied(request in request(), policies in policies()) {
        let allow = everything("Allow");
        let mut set = set(&policies);
        let before = set.evaluate(&request).decision;
        set.identity.push(&allow);
        let after = set.evaluate(&request).decision;
        prop_assert!(before == after || (before == Decision::ImplicitlyDenied && after == Decision::Allowed));
    }

    #[test]
    fn one_limit_less_never_turns_allowed_into_denied(request in request(), policies in policies()) {
        let mut set = set(&policies);
        let before = set.evaluate(&request).decision;
        set.boundaries.pop();
        set.service_control.pop();
        set.resource_control.pop();
        if before == Decision::Allowed {
            prop_assert_eq!(set.evaluate(&request).decision, before);
        }
    }

    #[test]
    fn the_order_of_identity_policies_makes_no_difference(request in request(), policies in policies()) {
        let mut set = set(&policies);
        let before = set.evaluate(&request).decision;
        set.identity.reverse();
        prop_assert_eq!(set.evaluate(&request).decision, before);
    }

    #[test]
    fn what_decides_applies_and_no_deny_that_applies_is_passed_over(request in request(), policies in policies()) {
        let set = set(&policies);
        let evaluation = set.evaluate(&request);
        let explained = set.explain(&request);
        for place in &evaluation.deciding {
            let own = explained.iter().find(|e| e.place == *place).unwrap();
            prop_assert_eq!(&own.outcome, &Outcome::Applies);
            prop_assert_eq!(own.effect == Effect::Deny, evaluation.decision == Decision::ExplicitlyDenied);
        }
        let denies = explained.iter().filter(|e| e.effect == Effect::Deny && e.outcome == Outcome::Applies).count();
        prop_assert_eq!(denies > 0, evaluation.decision == Decision::ExplicitlyDenied);
        if denies > 0 {
            prop_assert_eq!(denies, evaluation.deciding.len());
        }
        prop_assert_eq!(evaluation.lacking.is_some(), evaluation.decision == Decision::ImplicitlyDenied);
    }

    #[test]
    fn resources_match_the_same_with_and_without_the_short_way(pattern in "arn(:[a*?]{0,3}){1,7}", text in "arn(:[ab]{0,3}){3,7}") {
        let units: Vec<Unit> = pattern.chars().map(Unit::of).collect();
        prop_assert_eq!(arn::resource_matches(&pattern, &text), arn::resource_units_match(&units, &text));
        prop_assert_eq!(arn::like(&pattern, &text), arn::like_units(&units, &text));
        // Part by part is the narrower way.
        prop_assert!(!arn::like(&pattern, &text) || arn::resource_matches(&pattern, &text));
    }
}
