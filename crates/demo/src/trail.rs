//! Writes the logs: CloudTrail files as they are delivered, one an hour and account, with the calls of every principal.
//!
//! Second step of the generator. Which calls there are follows from the uses that the organization decided; what of
//! them can be seen in the files that are really there is noted for the truth while writing, not read back.

use std::io::{self, Write as _};

use flate2::{Compression, GzBuilder};

use crate::organization::{KeyUse, Kind, Organization, Outcome, Principal};
use crate::past;
use crate::random::{HEX, ID, Random};
use crate::services::Logged;
use crate::text::quote;
use crate::time::{HOUR, parts, zulu};
use crate::{Damage, FileKind, Options, Sink, Trails};

/// The home region of a made-up organization, in which global services record; its trails look into all.
pub(crate) const REGION: &str = "us-east-1";
/// The regions in which it works, the home region first.
pub(crate) const REGIONS: [&str; 4] = [REGION, "eu-west-1", "us-west-2", "ap-southeast-2"];
/// The id of an organization that has a trail of its own.
pub(crate) const ORGANIZATION: &str = "o-a1b2c3d4e5";
/// How long after the present moment the logs and reports were collected.
pub(crate) const COLLECTED: i64 = 5 * HOUR;
/// Data events that the trails record when they record any.
pub(crate) const DATA_TYPES: [(&str, &str); 3] =
    [("s3", "AWS::S3::Object"), ("lambda", "AWS::Lambda::Function"), ("dynamodb", "AWS::DynamoDB::Table")];

/// What the records show of one use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Shown {
    /// The last call, whether logged or not.
    pub(crate) last: i64,
    /// First and last call in the log files that are there and whole.
    pub(crate) logged: Option<(i64, i64)>,
    /// How many different calls those are.
    pub(crate) count: usize,
}

/// What the records show of the whole organization.
#[derive(Debug)]
pub(crate) struct Seen {
    /// For each principal, for each of its uses.
    pub(crate) uses: Vec<Vec<Shown>>,
    /// For each account, whether its log covers the period without a gap; none when there are no logs.
    pub(crate) covered: Vec<Option<bool>>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Call {
    pub(crate) at: i64,
    pub(crate) principal: usize,
    /// Place in `REGIONS`.
    pub(crate) region: usize,
    pub(crate) what: What,
}

/// What is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum What {
    /// The call of an unknown name.
    Unmapped,
    /// The use at this place among the principal's.
    Use(usize),
    /// The same, signed by the principal's key at this place.
    Key(usize, usize),
    /// A call of this action by a role of the same name before it.
    Predecessor(usize),
    /// The principal was assumed.
    Assumed,
    /// The user signed in to the console.
    SignIn,
}

impl Call {
    /// Place among the principal's uses, for what is one of them.
    fn of(&self) -> Option<usize> {
        match self.what {
            What::Use(place) | What::Key(place, _) => Some(place),
            _ => None,
        }
    }
}

/// Since when the trails record data events, when they record any.
pub(crate) fn data_since(organization: &Organization, options: &Options) -> i64 {
    match options.trails {
        Trails::Several => (organization.period_start + (organization.as_of - organization.period_start) / 2) / HOUR * HOUR,
        Trails::Each | Trails::Organization => i64::MIN,
    }
}

/// Whether a call of `action` is logged with these options.
pub(crate) fn is_logged(organization: &Organization, options: &Options, action: usize) -> bool {
    let prefix = organization.table.name(action).0;
    match organization.table.actions.get(action).map(|a| a.logged) {
        Some(Logged::Management) => true,
        Some(Logged::Data) => options.data_events && DATA_TYPES.iter().any(|(service, _)| *service == prefix),
        _ => false,
    }
}

fn calls(organization: &Organization, options: &Options) -> Vec<Vec<Call>> {
    let mut random = Random::new(options.seed, 2);
    let mut calls: Vec<Vec<Call>> = vec![Vec::new(); organization.accounts.len()];
    // Who goes on calling what: account, principal, place of the use, earliest time.
    let mut busy: Vec<(usize, usize, usize, i64)> = Vec::new();
    let mut count = 0;
    for (at, principal) in organization.principals.iter().enumerate() {
        let Some(own) = calls.get_mut(principal.account) else { continue };
        for (place, used) in principal.uses.iter().enumerate() {
            if used.what == Outcome::UsedBefore || !is_logged(organization, options, used.action) {
                continue;
            }
            own.push(Call { at: used.at, principal: at, region: 0, what: What::Use(place) });
            count += 1;
            if used.what == Outcome::Used && !principal.late {
                let from = organization.log_start.max(principal.created) + 2 * HOUR;
                busy.push((principal.account, at, place, from));
            }
        }
        own.extend(principal.unmapped.map(|(_, time)| Call { at: time, principal: at, region: 0, what: What::Unmapped }));
        if options.tangles {
            own.extend(past::calls(organization, at, principal));
        }
    }
    for _ in count..options.events {
        let Some((account, principal, place, from)) = random.one(&busy).copied() else { break };
        let at = random.between(from, organization.as_of - 2 * HOUR);
        if let Some(own) = calls.get_mut(account) {
            own.push(Call { at, principal, region: 0, what: What::Use(place) });
        }
    }
    for own in &mut calls {
        for call in own.iter_mut() {
            call.region = region_of(organization, options, call);
        }
        own.sort_by_key(|call| (call.at, call.principal, call.what));
    }
    calls
}

/// The region in which a call is made; those of global services and sign-ins record in the first.
fn region_of(organization: &Organization, options: &Options, call: &Call) -> usize {
    let used = organization.principals.get(call.principal).zip(call.of()).and_then(|(p, place)| p.uses.get(place));
    let action = match call.what {
        What::Predecessor(action) => Some(action),
        _ => used.map(|used| used.action),
    };
    let global = matches!(call.what, What::SignIn) || action.is_some_and(|action| organization.table.name(action).0 == "iam");
    let regions = options.regions.clamp(1, REGIONS.len());
    if global { 0 } else { usize::try_from(call.at / 7).unwrap_or_default() % regions }
}

/// Writes the logs and says what they and all other records can show.
pub(crate) fn write(organization: &Organization, options: &Options, sink: &mut Sink<'_>) -> io::Result<Seen> {
    let calls = calls(organization, options);
    let mut seen = Seen {
        uses: organization
            .principals
            .iter()
            .map(|p| p.uses.iter().map(|u| Shown { last: u.at, ..Shown::default() }).collect())
            .collect(),
        covered: Vec::new(),
    };
    for (account, calls) in calls.iter().enumerate() {
        let covered = Account { organization, options, account, random: Random::new(options.seed, 1000 + account as u64) }
            .write(calls, &mut seen, sink)?;
        seen.covered.push(covered);
    }
    Ok(seen)
}

pub(crate) struct Account<'a> {
    pub(crate) organization: &'a Organization,
    options: &'a Options,
    account: usize,
    random: Random,
}

impl Account<'_> {
    fn write(&mut self, calls: &[Call], seen: &mut Seen, sink: &mut Sink<'_>) -> io::Result<Option<bool>> {
        let organization = self.organization;
        let id = organization.account(self.account).to_owned();
        let damage = self.options.damage_of(FileKind::CloudTrail);
        let left_out = damage == Some(Damage::LeaveOut);
        let middle = (organization.period_start + (organization.as_of - organization.period_start) / 2) / HOUR * HOUR;
        let gap_end = middle + i64::from(self.options.gap_hours) * HOUR;
        let first_account = self.account == 0;
        let mut covered = organization.log_start + HOUR <= organization.period_start;
        let mut identities: Vec<String> = Vec::new();
        for principal in &organization.principals {
            let own = principal.account == self.account;
            identities.push(if own { self.identity(principal) } else { String::new() });
        }
        if !left_out {
            self.trail(&id, sink)?;
        }
        let data_since = data_since(organization, self.options);
        let several = self.options.trails == Trails::Several && self.options.data_events;
        let regions = REGIONS.iter().take(self.options.regions.clamp(1, REGIONS.len()));
        let regions: Vec<(usize, &str)> = regions.copied().enumerate().collect();
        let mut rest = calls;
        let mut again: Vec<Vec<String>> = vec![Vec::new(); regions.len()];
        let (mut records, mut data_records, mut record) = (String::new(), String::new(), String::new());
        let mut hour = organization.log_start;
        while hour < organization.as_of + COLLECTED {
            let upto = rest.partition_point(|call| call.at < hour + HOUR);
            let (now, later) = rest.split_at(upto);
            rest = later;
            for (place, region) in &regions {
                // What is damaged is the last region, where there are several: nothing in the others tells.
                let chosen = first_account && place + 1 == regions.len();
                let damaged = chosen && hour == middle && damage.is_some();
                let missing = chosen && (middle..gap_end).contains(&hour);
                let readable = !left_out && !missing && !damaged;
                covered &= readable || left_out;
                records.clear();
                records.push_str("{\"Records\":[");
                data_records.clear();
                let mut count = self.heartbeat(&id, hour, *place, &mut records);
                let doubles = again.get_mut(*place).map(std::mem::take).unwrap_or_default();
                count += doubles.len();
                for double in doubles {
                    records.push(',');
                    records.push_str(double.as_str());
                }
                if several && *place == 0 && hour == data_since {
                    records.push(',');
                    records.push_str(&self.selectors_set(&id, hour + 5));
                    count += 1;
                }
                let mut data_count = 0;
                for call in now.iter().filter(|call| call.region == *place) {
                    let Some(principal) = organization.principals.get(call.principal) else { continue };
                    let used = call.of().and_then(|place| principal.uses.get(place));
                    let action = used.and_then(|used| organization.table.actions.get(used.action));
                    let data = action.is_some_and(|action| action.logged == Logged::Data);
                    let recorded = !data || call.at >= data_since;
                    let shown = call.of().and_then(|place| seen.uses.get_mut(call.principal)?.get_mut(place));
                    if let Some(shown) = shown {
                        shown.last = shown.last.max(call.at);
                        if readable && recorded {
                            shown.count += 1;
                            shown.logged = Some(
                                shown.logged.map_or((call.at, call.at), |(first, last)| (first.min(call.at), last.max(call.at))),
                            );
                        }
                    }
                    if !recorded {
                        continue;
                    }
                    record.clear();
                    let identity = identities.get(call.principal).map_or("", String::as_str);
                    self.record(&id, principal, identity, call, region, &mut record);
                    if several && data {
                        data_records.push_str(if data_count == 0 { "{\"Records\":[" } else { "," });
                        data_records.push_str(&record);
                        data_count += 1;
                        continue;
                    }
                    count += 1;
                    records.push(',');
                    records.push_str(&record);
                    if self.random.below(200) == 0
                        && readable
                        && let Some(again) = again.get_mut(*place)
                    {
                        // What cannot be read once is not delivered a second time either.
                        again.push(record.clone());
                    }
                }
                records.push_str("]}");
                if !missing && !left_out {
                    sink.summary.events += count + data_count;
                    self.file(&id, hour, region, &records, damaged, sink)?;
                    if data_count > 0 {
                        data_records.push_str("]}");
                        self.file(&id, hour, region, &data_records, false, sink)?;
                        self.aggregated(&id, hour, region, data_count, sink)?;
                    }
                }
            }
            hour += HOUR;
        }
        Ok((!left_out).then_some(covered))
    }

    /// Where the account's logs are delivered.
    fn folder(&self, id: &str) -> String {
        match self.options.trails {
            Trails::Organization => format!("AWSLogs/{ORGANIZATION}/{id}"),
            Trails::Each | Trails::Several => format!("AWSLogs/{id}"),
        }
    }

    fn file(&mut self, id: &str, hour: i64, region: &str, records: &str, damaged: bool, sink: &mut Sink<'_>) -> io::Result<()> {
        let [y, m, d, h, ..] = parts(hour);
        let mark = self.random.text(ID, 16);
        let name = format!(
            "{}/CloudTrail/{region}/{y:04}/{m:02}/{d:02}/{id}_CloudTrail_{region}_{y:04}{m:02}{d:02}T{h:02}55Z_{mark}.json.gz",
            self.folder(id)
        );
        sink.put(FileKind::CloudTrail, &name, &packed(records)?, damaged)
    }

    /// The hour's data events in sum, which are delivered beside them and are no calls of their own.
    fn aggregated(&mut self, id: &str, hour: i64, region: &str, count: usize, sink: &mut Sink<'_>) -> io::Result<()> {
        let [y, m, d, h, ..] = parts(hour);
        let (mark, event) = (self.random.text(ID, 16), self.uuid());
        let text = format!(
            "{{\"Records\":[{{\"eventVersion\":\"1.0\",\"accountId\":\"{id}\",\"eventId\":\"{event}\",\"eventCategory\":\"Aggregated\",\
             \"eventType\":\"AwsAggregatedEvent\",\"awsRegion\":\"{region}\",\"eventSource\":\"s3.amazonaws.com\",\"timeWindow\":{{\"windowStart\":\"{}\",\
             \"windowEnd\":\"{}\",\"windowSize\":\"PT5M\"}},\"summary\":{{\"primaryDimension\":{{\"dimension\":\"eventName\",\"statistics\":[{{\"name\":\
             \"GetObject\",\"value\":{count}}}]}},\"details\":[]}}}}]}}",
            zulu(hour),
            zulu(hour + 300)
        );
        let name = format!(
            "{}/CloudTrail-Aggregated/{region}/{y:04}/{m:02}/{d:02}/{id}_CloudTrail-Aggregated_{region}_{y:04}{m:02}{d:02}T{h:02}55Z_{mark}.json.gz",
            self.folder(id)
        );
        sink.summary.events += 1;
        sink.put(FileKind::CloudTrail, &name, &packed(&text)?, false)
    }

    /// What `describe-trails` and `get-event-selectors` say about the account's trails.
    fn trail(&self, id: &str, sink: &mut Sink<'_>) -> io::Result<()> {
        let organization = self.options.trails == Trails::Organization;
        if organization && self.account > 0 {
            return Ok(());
        }
        let several = self.options.trails == Trails::Several && self.options.data_events;
        let arn = |name: &str| format!("arn:aws:cloudtrail:{REGION}:{id}:trail/{name}");
        let described = |name: &str, selectors: bool| {
            format!(
                "{{\"Name\":\"{name}\",\"S3BucketName\":\"logs-{id}\",\"IncludeGlobalServiceEvents\":true,\"IsMultiRegionTrail\":true,\
                 \"HomeRegion\":\"{REGION}\",\"TrailARN\":\"{}\",\"LogFileValidationEnabled\":true,\"HasCustomEventSelectors\":{selectors},\
                 \"HasInsightSelectors\":false,\"IsOrganizationTrail\":{organization}}}",
                arn(name)
            )
        };
        let mut trails = vec![described("all", self.options.data_events && !several)];
        trails.extend(several.then(|| described("data", true)));
        let trails = format!("{{\"trailList\":[{}]}}\n", trails.join(","));
        sink.plain(&format!("trails/{id}-trails.json"), trails.as_bytes())?;
        let resources = |(_, kind): &(&str, &str)| {
            let value = match *kind {
                "AWS::S3::Object" => "arn:aws:s3",
                "AWS::Lambda::Function" => "arn:aws:lambda",
                _ => "arn:aws:dynamodb",
            };
            format!("{{\"Type\":\"{kind}\",\"Values\":[\"{value}\"]}}")
        };
        let selectors = |name: &str, management: bool, data: bool| {
            let data: Vec<String> = if data { DATA_TYPES.iter().map(resources).collect() } else { Vec::new() };
            format!(
                "{{\"TrailARN\":\"{}\",\"EventSelectors\":[{{\"ReadWriteType\":\"All\",\"IncludeManagementEvents\":{management},\
                 \"DataResources\":[{}],\"ExcludeManagementEventSources\":[]}}]}}\n",
                arn(name),
                data.join(",")
            )
        };
        let all = selectors("all", true, self.options.data_events && !several);
        sink.plain(&format!("trails/{id}-event-selectors.json"), all.as_bytes())?;
        if several {
            sink.plain(&format!("trails/{id}-data-event-selectors.json"), selectors("data", false, true).as_bytes())?;
        }
        Ok(())
    }

    /// The call that set the selectors of the trail for data events.
    fn selectors_set(&mut self, id: &str, at: i64) -> String {
        let resources: Vec<String> = DATA_TYPES
            .iter()
            .map(|(service, kind)| format!("{{\"type\":\"{kind}\",\"values\":[\"arn:aws:{service}\"]}}"))
            .collect();
        format!(
            "{{\"eventVersion\":\"1.09\",\"userIdentity\":{{\"type\":\"Root\",\"principalId\":\"{id}\",\"arn\":\"arn:aws:iam::{id}:root\",\
             \"accountId\":\"{id}\"}},\"eventTime\":\"{}\",\"eventSource\":\"cloudtrail.amazonaws.com\",\"eventName\":\"PutEventSelectors\",\
             \"awsRegion\":\"{REGION}\",\"sourceIPAddress\":\"198.51.100.7\",\"userAgent\":\"aws-cli/2.15\",\"requestParameters\":{{\"trailName\":\"data\",\
             \"eventSelectors\":[{{\"readWriteType\":\"All\",\"includeManagementEvents\":false,\"dataResources\":[{}],\
             \"excludeManagementEventSources\":[]}}]}},\"responseElements\":{{\"trailARN\":\"arn:aws:cloudtrail:{REGION}:{id}:trail/data\"}},\
             \"eventID\":\"{}\",\"readOnly\":false,\"eventType\":\"AwsApiCall\",\"managementEvent\":true,\"recipientAccountId\":\"{id}\",\
             \"eventCategory\":\"Management\"}}",
            zulu(at),
            resources.join(","),
            self.uuid()
        )
    }

    /// What CloudTrail and others of AWS do by themselves, so that no hour is without a record; returns how many records.
    fn heartbeat(&mut self, id: &str, hour: i64, place: usize, out: &mut String) -> usize {
        let region = REGIONS.get(place).copied().unwrap_or(REGION);
        let (at, mark) = (zulu(hour + 60), self.uuid());
        let head = format!(
            "\"eventVersion\":\"1.09\",\"eventTime\":\"{at}\",\"awsRegion\":\"{region}\",\"recipientAccountId\":\"{id}\""
        );
        out.push_str(&format!(
            "{{{head},\"userIdentity\":{{\"type\":\"AWSService\",\"invokedBy\":\"cloudtrail.amazonaws.com\"}},\"eventSource\":\"s3.amazonaws.com\",\
             \"eventName\":\"GetBucketAcl\",\"sourceIPAddress\":\"cloudtrail.amazonaws.com\",\"userAgent\":\"cloudtrail.amazonaws.com\",\
             \"requestParameters\":{{\"bucketName\":\"logs-{id}\",\"acl\":\"\"}},\"responseElements\":null,\"eventID\":\"{mark}\",\"readOnly\":true,\
             \"resources\":[{{\"accountId\":\"{id}\",\"type\":\"AWS::S3::Bucket\",\"ARN\":\"arn:aws:s3:::logs-{id}\"}}],\
             \"eventType\":\"AwsApiCall\",\"managementEvent\":true,\"eventCategory\":\"Management\"}}"
        ));
        let mark = self.uuid();
        if place > 0 {
            return 1;
        }
        match hour / HOUR % 97 {
            13 => out.push_str(&format!(
                ",{{{head},\"userIdentity\":{{\"accountId\":\"{id}\",\"invokedBy\":\"AWS Internal\"}},\"eventSource\":\"kms.amazonaws.com\",\
                 \"eventName\":\"RotateKey\",\"sourceIPAddress\":\"AWS Internal\",\"userAgent\":\"AWS Internal\",\"requestParameters\":null,\
                 \"responseElements\":null,\"eventID\":\"{mark}\",\"readOnly\":false,\"resources\":[],\"eventType\":\"AwsServiceEvent\",\
                 \"managementEvent\":true,\"eventCategory\":\"Management\",\"serviceEventDetails\":{{\"keyId\":\"{mark}\"}}}}"
            )),
            31 => out.push_str(&format!(
                ",{{{head},\"userIdentity\":{{\"type\":\"AWSAccount\",\"principalId\":\"AROAEXAMPLEOUTSIDE000:visitor\",\"accountId\":\"999999999999\"}},\
                 \"eventSource\":\"sts.amazonaws.com\",\"eventName\":\"AssumeRole\",\"sourceIPAddress\":\"203.0.113.9\",\"userAgent\":\"aws-cli/2.15\",\
                 \"errorCode\":\"AccessDenied\",\"requestParameters\":null,\"responseElements\":null,\"eventID\":\"{mark}\",\"readOnly\":true,\
                 \"eventType\":\"AwsApiCall\",\"managementEvent\":true,\"eventCategory\":\"Management\"}}"
            )),
            59 => out.push_str(&format!(
                ",{{{head},\"userIdentity\":{{\"type\":\"Root\",\"principalId\":\"{id}\",\"arn\":\"arn:aws:iam::{id}:root\",\"accountId\":\"{id}\"}},\
                 \"eventSource\":\"signin.amazonaws.com\",\"eventName\":\"ConsoleLogin\",\"sourceIPAddress\":\"198.51.100.7\",\
                 \"userAgent\":\"Mozilla/5.0\",\"requestParameters\":null,\"responseElements\":{{\"ConsoleLogin\":\"Success\"}},\
                 \"eventID\":\"{mark}\",\"readOnly\":false,\"eventType\":\"AwsConsoleSignIn\",\"managementEvent\":true,\"eventCategory\":\"Management\"}}"
            )),
            83 => out.push_str(&format!(
                ",{{{head},\"userIdentity\":{{\"type\":\"AWSService\",\"invokedBy\":\"ec2.amazonaws.com\"}},\"eventSource\":\"sts.amazonaws.com\",\
                 \"eventName\":\"AssumeRole\",\"sourceIPAddress\":\"ec2.amazonaws.com\",\"userAgent\":\"ec2.amazonaws.com\",\
                 \"requestParameters\":{{\"roleArn\":\"arn:aws:iam::{id}:role/nobody\",\"roleSessionName\":\"i-0123\"}},\"responseElements\":null,\
                 \"eventID\":\"{mark}\",\"readOnly\":true,\"eventType\":\"AwsApiCall\",\"managementEvent\":true,\"eventCategory\":\"Management\"}}"
            )),
            _ => return 1,
        }
        2
    }

    pub(crate) fn uuid(&mut self) -> String {
        let (high, low) = (self.random.next(), self.random.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            high >> 16 & 0xFFFF,
            high & 0xFFF,
            0x8000 | low >> 50,
            low & 0xFFFF_FFFF_FFFF
        )
    }

    /// `userIdentity` as the calls of this principal carry it.
    fn identity(&mut self, principal: &Principal) -> String {
        let id = self.organization.account(self.account);
        let arn = principal.arn(self.organization);
        let name = &principal.name;
        if principal.kind == Kind::User {
            let key = principal.keys.iter().find(|key| key.used == KeyUse::Now).map_or("", |key| key.id.as_str());
            return format!(
                "{{\"type\":\"IAMUser\",\"principalId\":\"{}\",\"arn\":\"{arn}\",\"accountId\":\"{id}\",\"accessKeyId\":\"{key}\",\"userName\":{}}}",
                principal.id,
                quote(name)
            );
        }
        let session = match principal.kind {
            Kind::PermissionSet => "ann@example.com".to_owned(),
            _ => format!("i-{}", self.random.text(HEX, 17)),
        };
        let key = self.random.text(ID, 16);
        let created = zulu(self.organization.as_of - 3 * HOUR);
        format!(
            "{{\"type\":\"AssumedRole\",\"principalId\":\"{unique}:{session}\",\"arn\":\"arn:aws:sts::{id}:assumed-role/{name}/{session}\",\
             \"accountId\":\"{id}\",\"accessKeyId\":\"ASIA{key}\",\"sessionContext\":{{\"sessionIssuer\":{{\"type\":\"Role\",\"principalId\":\"{unique}\",\
             \"arn\":\"{arn}\",\"accountId\":\"{id}\",\"userName\":\"{name}\"}},\"webIdFederationData\":{{}},\"attributes\":{{\"creationDate\":\"{created}\",\
             \"mfaAuthenticated\":\"false\"}}}}}}",
            unique = principal.id
        )
    }

    fn record(&mut self, id: &str, principal: &Principal, identity: &str, call: &Call, region: &str, out: &mut String) {
        let table = &self.organization.table;
        if matches!(call.what, What::Assumed | What::SignIn) {
            out.push_str(&self.entry(id, principal, call, region));
            return;
        }
        let used = call.of().and_then(|place| principal.uses.get(place));
        let action = match call.what {
            What::Predecessor(action) => table.actions.get(action),
            _ => used.and_then(|used| table.actions.get(used.action)),
        };
        let identity = past::identity(self.organization, principal, identity, call);
        let service = action.map(|a| a.service).or(principal.unmapped.map(|(service, _)| service)).unwrap_or_default();
        let (prefix, source) = table.services.get(service).map_or(("", ""), |s| (s.prefix, s.source));
        let name = action.map_or("GetUnheardOfThing", |a| a.event);
        let data = action.is_some_and(|a| a.logged == Logged::Data);
        let reads =
            ["Get", "List", "Describe", "Lookup", "Batch", "Scan", "Query", "Validate"].iter().any(|w| name.starts_with(w));
        let (at, mark, request) = (zulu(call.at), self.uuid(), self.random.text(HEX, 12));
        let thing = self.random.below(40);
        let (parameters, resources) = details_of(prefix, data, id, region, thing);
        out.push_str("{\"eventVersion\":\"1.09\",\"userIdentity\":");
        out.push_str(&identity);
        for (key, value) in [
            (",\"eventTime\":\"", at.as_str()),
            ("\",\"eventSource\":\"", source),
            ("\",\"eventName\":\"", name),
            ("\",\"awsRegion\":\"", region),
            ("\",\"sourceIPAddress\":\"", "198.51.100.23"),
            ("\",\"userAgent\":\"", "aws-sdk-go/1.55 (linux; amd64)"),
        ] {
            out.push_str(key);
            out.push_str(value);
        }
        out.push('"');
        if used.is_some_and(|used| used.what == Outcome::Denied) {
            let code = if prefix == "ec2" { "Client.UnauthorizedOperation" } else { "AccessDenied" };
            out.push_str(",\"errorCode\":\"");
            out.push_str(code);
            out.push_str("\",\"errorMessage\":\"User is not authorized to perform this action\"");
        } else if source == "cloudtrail.amazonaws.com" && !reads {
            // A use that changes nothing: the account's own trail stays as it is described.
            out.push_str(",\"errorCode\":\"TrailNotFoundException\",\"errorMessage\":\"Unknown trail\"");
        }
        for (key, value) in [
            (",\"requestParameters\":", parameters.as_str()),
            (",\"responseElements\":null,\"requestID\":\"", request.as_str()),
            ("\",\"eventID\":\"", mark.as_str()),
            ("\",\"readOnly\":", if reads { "true" } else { "false" }),
            (",\"resources\":", resources.as_str()),
            (",\"eventType\":\"AwsApiCall\",\"managementEvent\":", if data { "false" } else { "true" }),
            (",\"recipientAccountId\":\"", id),
            ("\",\"eventCategory\":\"", if data { "Data" } else { "Management" }),
            ("\",\"tlsDetails\":{\"tlsVersion\":\"TLSv1.3\",\"clientProvidedHostHeader\":\"", source),
        ] {
            out.push_str(key);
            out.push_str(value);
        }
        out.push_str("\"}}");
    }
}

/// The text as a log file is packed.
fn packed(text: &str) -> io::Result<Vec<u8>> {
    let mut packed = GzBuilder::new().write(Vec::with_capacity(text.len() / 6), Compression::fast());
    packed.write_all(text.as_bytes())?;
    packed.finish()
}

/// `requestParameters` and `resources` of a call to the service.
fn details_of(prefix: &str, data: bool, id: &str, region: &str, thing: usize) -> (String, String) {
    let one = |kind: &str, arn: String| format!("[{{\"accountId\":\"{id}\",\"type\":\"{kind}\",\"ARN\":\"{arn}\"}}]");
    match prefix {
        "s3" if data => (
            format!("{{\"bucketName\":\"team-{thing}\",\"key\":\"in/{thing}.csv\",\"Host\":\"team-{thing}.s3.amazonaws.com\"}}"),
            format!(
                "[{{\"type\":\"AWS::S3::Object\",\"ARN\":\"arn:aws:s3:::team-{thing}/in/{thing}.csv\"}},\
                 {{\"accountId\":\"{id}\",\"type\":\"AWS::S3::Bucket\",\"ARN\":\"arn:aws:s3:::team-{thing}\"}}]"
            ),
        ),
        "s3" => (
            format!("{{\"bucketName\":\"team-{thing}\",\"Host\":\"team-{thing}.s3.amazonaws.com\"}}"),
            one("AWS::S3::Bucket", format!("arn:aws:s3:::team-{thing}")),
        ),
        "kms" => (
            format!("{{\"keyId\":\"arn:aws:kms:{region}:{id}:key/{thing:08x}-1111-4222-8333-444455556666\"}}"),
            one("AWS::KMS::Key", format!("arn:aws:kms:{region}:{id}:key/{thing:08x}-1111-4222-8333-444455556666")),
        ),
        "lambda" => (
            format!("{{\"functionName\":\"function-{thing}\"}}"),
            if data {
                one("AWS::Lambda::Function", format!("arn:aws:lambda:{region}:{id}:function:function-{thing}"))
            } else {
                "null".to_owned()
            },
        ),
        "dynamodb" => (
            format!("{{\"tableName\":\"table-{thing}\"}}"),
            one("AWS::DynamoDB::Table", format!("arn:aws:dynamodb:{region}:{id}:table/table-{thing}")),
        ),
        "iam" => (format!("{{\"roleName\":\"role-{thing}\"}}"), "null".to_owned()),
        "sqs" => (format!("{{\"queueUrl\":\"https://sqs.{region}.amazonaws.com/{id}/queue-{thing}\"}}"), "null".to_owned()),
        "secretsmanager" => (format!("{{\"secretId\":\"secret-{thing}\"}}"), "null".to_owned()),
        "rds" => (format!("{{\"dBInstanceIdentifier\":\"db-{thing}\"}}"), "null".to_owned()),
        _ => ("null".to_owned(), "null".to_owned()),
    }
}
