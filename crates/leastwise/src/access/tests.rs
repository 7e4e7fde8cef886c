//! What the access stage promises, read from small exports.

use leastwise_policy::Catalogue;

use super::access_keys::AccessKeyList;
use super::credential_report::{COLUMNS, CredentialReport, Enabled, LastUse};
use super::details::{Role, RoleKind, RoleLastUsed};
use super::model::PolicyRef;
use super::*;

const READ_S3: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject","s3:Nonsense"],"Resource":"*"}]}"#;

/// A page with the given lists, in which `'` stands for a double quote.
fn page(users: &str, groups: &str, roles: &str, policies: &str) -> String {
    format!("{{'UserDetailList':[{users}],'GroupDetailList':[{groups}],'RoleDetailList':[{roles}],'Policies':[{policies}],'IsTruncated':false}}")
        .replace('\'', "\"")
}

fn role(name: &str, more: &str) -> String {
    format!(
        "{{'Arn':'arn:aws:iam::111122223333:role/{name}','RoleId':'AROA{name}','CreateDate':'2020-01-01T00:00:00Z',\
         'AssumeRolePolicyDocument':{{'Version':'2012-10-17','Statement':[{{'Effect':'Allow','Action':'sts:AssumeRole',\
         'Principal':{{'Service':'ec2.amazonaws.com'}}}}]}},'RoleLastUsed':{{}}{more}}}"
    )
}

fn user(name: &str, more: &str) -> String {
    format!("{{'Arn':'arn:aws:iam::111122223333:user/{name}','UserId':'AIDA{name}','CreateDate':'2020-01-01T00:00:00Z'{more}}}")
}

fn managed(name: &str, document: &str) -> String {
    format!(
        "{{'Arn':'arn:aws:iam::111122223333:policy/{name}','DefaultVersionId':'v2','AttachmentCount':1,'PolicyVersionList':[\
         {{'VersionId':'v1','IsDefaultVersion':false,'Document':{{'Statement':'nonsense'}}}},\
         {{'VersionId':'v2','IsDefaultVersion':true,'Document':{document}}}]}}"
    )
}

fn inline(document: &str) -> String {
    format!(",'RolePolicyList':[{{'PolicyName':'own','PolicyDocument':{document}}}]")
}

fn allow(actions: &str) -> String {
    format!("{{'Statement':[{{'Effect':'Allow','Action':{actions},'Resource':'*'}}]}}")
}

fn read(files: &[(&str, &str)]) -> (Accounts, Vec<Problem>) {
    let mut reader = AccountsReader::new();
    for (name, text) in files {
        reader.read(name, text.as_bytes());
    }
    reader.finish()
}

fn whole(text: &str) -> Accounts {
    let (accounts, problems) = read(&[("a.json", text)]);
    assert_eq!(problems, [], "{text}");
    accounts
}

fn messages(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

fn effective(model: &AccessModel<'_>, arn: &str) -> Vec<String> {
    let principal = model.principal(&PrincipalArn::parse(arn).unwrap()).unwrap();
    names(model, &model.granted(principal).effective)
}

fn names(model: &AccessModel<'_>, set: &ActionSet) -> Vec<String> {
    set.iter().map(|id| model.actions().name(id)).map(|(service, name)| format!("{service}:{name}")).collect()
}

#[test]
fn a_document_is_read_whether_encoded_quoted_or_inline() {
    let encoded: String = READ_S3
        .bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect();
    let quoted = READ_S3.replace('"', "\\\"");
    let pad = READ_S3.replace(',', " ,\n ");
    for (document, text) in [(format!("'{encoded}'"), READ_S3), (format!("'{quoted}'"), READ_S3), (pad.clone(), pad.as_str())] {
        let accounts = whole(&page("", "", &role("r", &inline(&document)), ""));
        let principal = &accounts.principals[0];
        assert_eq!(principal.unread, []);
        assert_eq!(principal.inline[0].document.policy().unwrap().text(), text);
    }
}

#[test]
fn only_the_default_version_of_a_managed_policy_counts() {
    let attached = ",'AttachedManagedPolicies':[{'PolicyName':'p','PolicyArn':'arn:aws:iam::111122223333:policy/p'}]";
    let accounts = whole(&page("", "", &role("r", attached), &managed("p", &allow("'s3:GetObject'"))));
    assert_eq!(&*accounts.policies[0].version, "v2");
    let model = AccessModel::new(accounts, Catalogue::embedded());
    assert_eq!(effective(&model, "arn:aws:iam::111122223333:role/r"), ["s3:GetObject"]);
}

#[test]
fn a_missing_default_version_leaves_everybody_attached_unread() {
    let policy = managed("p", &allow("'*'")).replace("'DefaultVersionId':'v2'", "'DefaultVersionId':'v3'");
    let attached = ",'AttachedManagedPolicies':[{'PolicyName':'p','PolicyArn':'arn:aws:iam::111122223333:policy/p'}]";
    let (accounts, problems) = read(&[("a.json", &page("", "", &role("r", attached), &policy))]);
    let arn = PolicyArn::parse("arn:aws:iam::111122223333:policy/p").unwrap();
    assert_eq!(accounts.principals[0].unread, [Unread::ManagedPolicy(arn.clone())]);
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].affects, Affects::Policy(arn));
}

#[test]
fn an_invalid_inline_policy_is_reported_at_its_place_and_on_its_principal() {
    let text = page("", "", &role("r", &inline("{'Statement':\n [{'Effect':'allow','Action':'s3:*','Resource':'*'}]}")), "");
    let (accounts, problems) = read(&[("a.json", &text)]);
    assert_eq!(accounts.principals[0].unread, [Unread::InlinePolicy("own".into())]);
    assert_eq!(
        messages(&problems),
        ["a.json: line 2, column 13: inline policy `own` is no valid policy: unknown effect `allow`"]
    );
    assert_eq!(problems[0].affects, Affects::Principal(accounts.principals[0].arn.clone()));
}

#[test]
fn an_attached_policy_without_its_document_is_a_problem() {
    let attached = ",'AttachedManagedPolicies':[{'PolicyName':'p','PolicyArn':'arn:aws:iam::aws:policy/ReadOnlyAccess'}]";
    let (accounts, problems) = read(&[("a.json", &page("", "", &role("r", attached), ""))]);
    assert!(matches!(accounts.principals[0].unread.as_slice(), [Unread::ManagedPolicy(_)]));
    assert_eq!(
        messages(&problems),
        ["a.json: policy `arn:aws:iam::aws:policy/ReadOnlyAccess` is attached, but its document is not in the exports"]
    );
}

#[test]
fn half_a_page_gives_what_stands_before_the_break_and_an_incomplete_account() {
    let text = page("", "", &[role("a", ""), role("b", "")].join(","), "");
    let cut = text.find("AROAb").unwrap();
    let (accounts, problems) = read(&[("a.json", &text[..cut])]);
    assert_eq!(accounts.principals.len(), 1);
    assert_eq!(accounts.accounts, [Account { id: AccountId::parse("111122223333").unwrap(), complete: false }]);
    assert!(problems[0].message.starts_with("the page breaks off"), "{problems:?}");
}

#[test]
fn every_beginning_of_an_export_is_incomplete_and_never_fatal() {
    let attached = ",'AttachedManagedPolicies':[{'PolicyName':'p','PolicyArn':'arn:aws:iam::111122223333:policy/p'}]";
    let text = page(&user("ann", ""), "", &role("r", attached), &managed("p", &allow("'s3:*'")));
    for cut in 0..text.len() {
        let (accounts, problems) = read(&[("a.json", &text[..cut])]);
        assert!(!problems.is_empty(), "{cut}");
        assert!(accounts.accounts.iter().all(|account| !account.complete), "{cut}");
        for principal in accounts.principals.iter().filter(|p| !p.attached.is_empty()) {
            assert_eq!(principal.unread.is_empty(), !accounts.policies.is_empty(), "{cut}");
        }
    }
    assert!(whole(&text).accounts[0].complete);
}

#[test]
fn an_element_that_is_no_json_is_named_when_its_arn_can_be_seen() {
    let text = page("", "", &format!("{},{}", role("a", ",'RoleId':'twice'"), role("b", "")), "");
    let (accounts, problems) = read(&[("a.json", &text)]);
    assert_eq!(accounts.principals[0].unread, [Unread::Field("")]);
    assert_eq!(accounts.principals[1].unread, []);
    assert!(!accounts.accounts[0].complete);
    assert_eq!(problems[0].affects, Affects::Principal(accounts.principals[0].arn.clone()));
    assert!(problems[0].message.contains("`RoleId` stands twice"), "{problems:?}");
}

#[test]
fn pages_make_one_account_when_the_last_is_there() {
    let first = page("", "", &role("a", ""), "").replace("\"IsTruncated\":false", "\"IsTruncated\":true,\"Marker\":\"x\"");
    let last = page("", "", &role("b", ""), "");
    let (accounts, problems) = read(&[("1.json", &first), ("2.json", &last)]);
    assert_eq!((accounts.principals.len(), accounts.accounts[0].complete, problems), (2, true, vec![]));
    assert_eq!(read(&[("1.json", &format!("{first}\n{last}"))]), read(&[("1.json", &format!("[{first},{last}]"))]));
    let (accounts, problems) = read(&[("1.json", &first)]);
    assert!(!accounts.accounts[0].complete);
    assert_eq!(messages(&problems), ["1.json: the export of account 111122223333 goes on in a page that is not here"]);
}

#[test]
fn the_end_of_one_account_does_not_complete_another() {
    let first = page("", "", &role("a", ""), "").replace("\"IsTruncated\":false", "\"IsTruncated\":true,\"Marker\":\"x\"");
    let other = page("", "", &role("b", ""), "").replace("111122223333", "444455556666");
    let (accounts, _) = read(&[("1.json", &first), ("2.json", &other)]);
    assert_eq!(accounts.accounts.iter().map(|a| a.complete).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn the_same_principal_twice_is_one_unless_the_two_differ() {
    let used = |day: &str| {
        role("a", "").replace("'RoleLastUsed':{}", &format!("'RoleLastUsed':{{'LastUsedDate':'2026-01-{day}T00:00:00Z'}}"))
    };
    let (accounts, problems) = read(&[("1.json", &page("", "", &used("09"), "")), ("2.json", &page("", "", &used("05"), ""))]);
    assert_eq!(problems, []);
    let Some(Role { last_used: RoleLastUsed::At(at), .. }) = &accounts.principals[0].role else { panic!() };
    assert_eq!(at.to_string(), "2026-01-09T00:00:00Z");
    let (accounts, problems) =
        read(&[("1.json", &page("", "", &role("a", ""), "")), ("2.json", &page("", "", &role("a", &inline(READ_S3)), ""))]);
    assert_eq!(accounts.principals[0].unread, [Unread::TwoRecords]);
    assert_eq!(problems.len(), 1);
}

#[test]
fn the_same_policy_in_another_layout_is_the_same_policy() {
    let of = |account: &str, document: &str| {
        let role = role("r", ",'AttachedManagedPolicies':[{'PolicyName':'p','PolicyArn':'arn:aws:iam::aws:policy/p'}]");
        let policy = managed("p", document).replace("111122223333:policy", "aws:policy");
        page("", "", &role, &policy).replace("111122223333", account)
    };
    let one = of("111122223333", "{'Version':'2012-10-17','Statement':{'Effect':'Allow','Action':'s3:*','Resource':'*'}}");
    let two =
        of("444455556666", "{ 'Statement' : {'Action':'s3:\\u002a', 'Effect':'Allow','Resource':'*'},\n'Version':'2012-10-17'}");
    let (_, problems) = read(&[("1.json", &one), ("2.json", &two)]);
    assert_eq!(problems, []);
    let (accounts, problems) = read(&[("1.json", &one), ("2.json", &two.replace("\"Allow\"", "\"Deny\""))]);
    assert_eq!(problems.len(), 1);
    assert!(accounts.principals.iter().all(|p| p.unread.len() == 1), "{accounts:?}");
}

#[test]
fn a_role_tells_for_whom_it_is() {
    let roles = [
        role("aws-service-role/support.amazonaws.com/AWSServiceRoleForSupport", ""),
        role("aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Read_Only_0123456789abcdef", ""),
        role("AWSReservedSSO_Fake_0123456789abcdef", ""),
    ];
    let model = AccessModel::new(whole(&page("", "", &roles.join(","), "")), Catalogue::embedded());
    let kind = |p: &Principal| p.role.as_ref().unwrap().kind.clone();
    let kinds: Vec<RoleKind> = model.principals().iter().map(kind).collect();
    assert_eq!(kinds, [RoleKind::Own, RoleKind::PermissionSet("Read_Only".into()), RoleKind::ServiceLinked]);
    let sets: Vec<(&str, usize)> = model.permission_sets().map(|(name, roles)| (name, roles.len())).collect();
    assert_eq!(sets, [("Read_Only", 1)]);
}

#[test]
fn a_user_holds_what_its_groups_grant_and_lacks_what_they_hide() {
    let group = format!(
        "{{'Arn':'arn:aws:iam::111122223333:group/team','GroupId':'AGPA','CreateDate':'2020-01-01T00:00:00Z',\
         'GroupPolicyList':[{{'PolicyName':'g','PolicyDocument':{}}}]}}",
        allow("'sqs:SendMessage'")
    );
    let ann = user("ann", ",'GroupList':['team']");
    let model = AccessModel::new(whole(&page(&ann, &group, "", "")), Catalogue::embedded());
    let arn = PrincipalArn::parse("arn:aws:iam::111122223333:user/ann").unwrap();
    let granted = model.granted(model.principal(&arn).unwrap());
    assert_eq!(names(&model, &granted.effective), ["sqs:SendMessage"]);
    assert_eq!(granted.grants[0].source.policy, PolicyRef::Inline("g"));
    assert_eq!(granted.grants[0].source.holder.arn.kind(), PrincipalKind::Group);
    let team = PrincipalArn::parse("arn:aws:iam::111122223333:group/team").unwrap();
    assert_eq!(model.members(&team).len(), 1);

    let (accounts, problems) = read(&[("a.json", &page(&ann, "", "", ""))]);
    assert_eq!(accounts.principals[0].unread, [Unread::Group("team".into())]);
    assert_eq!(problems.len(), 1);
    let broken = group.replace("'Effect':'Allow'", "'Effect':'Perhaps'");
    let (accounts, _) = read(&[("a.json", &page(&ann, &broken, "", ""))]);
    assert_eq!(accounts.principals[1].unread, [Unread::Group("team".into())]);
}

#[test]
fn boundary_and_unconditional_deny_take_actions_away() {
    let document = "{'Statement':[\
        {'Effect':'Allow','Action':['sqs:SendMessage','sqs:ReceiveMessage','sqs:DeleteMessage','sqs:PurgeQueue','sns:Publish'],'Resource':'*'},\
        {'Effect':'Deny','Action':'sqs:Purge*','Resource':'*'},\
        {'Effect':'Deny','Action':'sqs:Delete*','Resource':'arn:aws:sqs:*:*:precious'},\
        {'Effect':'Deny','Action':'sqs:Receive*','Resource':'*','Condition':{'Bool':{'aws:SecureTransport':'false'}}}]}";
    let bound = format!(
        "{},'PermissionsBoundary':{{'PermissionsBoundaryType':'Policy','PermissionsBoundaryArn':'arn:aws:iam::111122223333:policy/b'}}",
        inline(document)
    );
    let boundary = managed("b", "{'Statement':{'Effect':'Allow','NotAction':['sns:*'],'Resource':'*'}}")
        .replace("'AttachmentCount':1", "'AttachmentCount':0");
    let model = AccessModel::new(whole(&page("", "", &role("r", &bound), &boundary)), Catalogue::embedded());
    let granted = model.granted(&model.principals()[0]);
    assert_eq!(names(&model, &granted.effective), ["sqs:DeleteMessage", "sqs:ReceiveMessage", "sqs:SendMessage"]);
    assert_eq!(names(&model, &granted.denied), ["sqs:PurgeQueue"]);
    assert_eq!(names(&model, &granted.blocked_by_boundary), ["sns:Publish"]);
    assert_eq!(model.bounded_by(&model.policies()[0].arn).len(), 1);
}

#[test]
fn a_name_that_the_catalogue_lacks_is_listed_apart() {
    let model = AccessModel::new(whole(&page("", "", &role("r", &inline(READ_S3)), "")), Catalogue::embedded());
    let granted = model.granted(&model.principals()[0]);
    assert_eq!(names(&model, &granted.effective), ["s3:GetObject"]);
    assert_eq!(granted.grants[0].uncatalogued().iter().map(ToString::to_string).collect::<Vec<_>>(), ["s3:Nonsense"]);
}

#[test]
fn not_action_grants_all_but_its_list() {
    let document = "{'Statement':[{'Effect':'Allow','NotAction':['iam:*','s3:Get*'],'Resource':'*'}]}";
    let model = AccessModel::new(whole(&page("", "", &role("r", &inline(document)), "")), Catalogue::embedded());
    let granted = model.granted(&model.principals()[0]).effective;
    let index = model.actions();
    let get = index.service("s3").iter().filter(|id| index.name(*id).1.starts_with("Get")).count();
    assert_eq!(granted.len(), index.all().len() - index.service("iam").len() - get);
}

#[test]
fn a_policy_knows_to_whom_it_is_attached_and_whether_that_is_all() {
    let attached = ",'AttachedManagedPolicies':[{'PolicyName':'p','PolicyArn':'arn:aws:iam::111122223333:policy/p'}]";
    let text = page(&user("ann", attached), "", &role("r", attached), &managed("p", &allow("'s3:*'")))
        .replace("\"AttachmentCount\":1", "\"AttachmentCount\":2");
    let model = AccessModel::new(whole(&text), Catalogue::embedded());
    let attachments = model.attachments(&model.policies()[0].arn);
    assert_eq!((attachments.principals.len(), attachments.complete), (2, true));
    let (accounts, problems) = read(&[("a.json", &text.replace("\"AttachmentCount\":2", "\"AttachmentCount\":3"))]);
    let model = AccessModel::new(accounts, Catalogue::embedded());
    assert!(!model.attachments(&model.policies()[0].arn).complete);
    assert_eq!(
        messages(&problems),
        ["a.json: policy `arn:aws:iam::111122223333:policy/p` is attached 3 times, of which the exports show 2"]
    );
}

#[test]
fn wrong_shapes_are_problems_and_never_fatal() {
    for bad in [
        "",
        "null",
        "[]",
        "{}",
        "[1]",
        "\"x\"",
        "{'UserDetailList':{}}",
        "{'RoleDetailList':[1,null,{},{'Arn':3}]}",
        "{'Policies':[{'Arn':'arn:aws:iam::aws:policy/x','PolicyVersionList':3}]}",
        "{'RoleDetailList':[{'Arn':'arn:aws:iam::1:role/x'}]}",
        "\u{0}",
        "{'UserDetailList':[{'Arn':'arn:aws:iam::111122223333:role/x'}]}",
        "{'RoleDetailList':[[[[[[",
    ] {
        let text = bad.replace('\'', "\"");
        let (_, problems) = read(&[("a.json", &text)]);
        assert_eq!(problems.is_empty(), bad == "[]", "{bad}: {problems:?}");
    }
    let mut reader = AccountsReader::new();
    reader.read("a.json", b"{\"UserDetailList\":[]\xff");
    reader.read("b.json", b"\xff\xfe{\0");
    let (_, problems) = reader.finish();
    assert!(problems.iter().any(|p| p.message.starts_with("byte 20")) && problems.iter().any(|p| p.message.contains("UTF-16")));
}

#[test]
fn fields_of_the_wrong_shape_mark_their_principal() {
    for more in [
        ",'Tags':[{'Key':1}]",
        ",'AttachedManagedPolicies':[{}]",
        ",'AttachedManagedPolicies':'x'",
        ",'PermissionsBoundary':{}",
        ",'RolePolicyList':[{'PolicyName':'x'}]",
        ",'RolePolicyList':[3]",
    ] {
        let (accounts, problems) = read(&[("a.json", &page("", "", &role("r", more), ""))]);
        assert!(!accounts.principals[0].unread.is_empty(), "{more}");
        assert!(problems.iter().all(|p| p.affects == Affects::Principal(accounts.principals[0].arn.clone())), "{more}");
        assert!(!problems.is_empty(), "{more}");
    }
}

fn report(rows: &[&str]) -> (CredentialReport, Vec<Problem>) {
    CredentialReport::read("r.csv", format!("{}\n{}\n", COLUMNS.join(","), rows.join("\n")).as_bytes())
}

const ROOT: &str = "<root_account>,arn:aws:iam::111122223333:root,2020-01-01T00:00:00+00:00,not_supported,2021-01-01T00:00:00+00:00,not_supported,\
    not_supported,true,false,N/A,N/A,N/A,N/A,false,N/A,N/A,N/A,N/A,false,N/A,false,N/A";
const ANN: &str = "ann,arn:aws:iam::111122223333:user/ann,2020-01-01T00:00:00+00:00,true,no_information,2020-02-01T00:00:00+00:00,N/A,\
    false,true,2020-03-01T00:00:00+00:00,N/A,N/A,N/A,true,2020-04-01T00:00:00+00:00,2026-01-01T00:00:00+00:00,us-east-1,s3,false,N/A,false,N/A";

#[test]
fn a_report_tells_never_used_from_not_known() {
    let (report, problems) = report(&[ROOT, ANN]);
    assert_eq!(problems, []);
    let [root, ann] = report.rows.as_slice() else { panic!() };
    assert_eq!((root.arn.kind(), root.password.enabled), (PrincipalKind::Root, Enabled::Unknown));
    assert_eq!((ann.password.enabled, ann.password.last_used), (Enabled::Yes, LastUse::Never));
    assert_eq!(ann.password_since(), Timestamp::parse("2020-02-01"));
    assert_eq!((ann.keys[0].last_used, ann.key_since(&ann.keys[0])), (LastUse::Never, Timestamp::parse("2020-03-01")));
    assert_eq!(ann.keys[1].last_used, LastUse::At(Timestamp::parse("2026-01-01").unwrap()));
    assert_eq!(ann.keys[1].last_used_service.as_deref(), Some("s3"));
}

#[test]
fn a_missing_column_is_a_problem_and_leaves_its_cells_unknown() {
    let text = "user,arn,user_creation_time,access_key_1_active\nann,arn:aws:iam::111122223333:user/ann,2020-01-01T00:00:00+00:00,true\n";
    let (report, problems) = CredentialReport::read("r.csv", text.as_bytes());
    assert!(problems[0].message.starts_with("columns are missing: `password_enabled`, "), "{problems:?}");
    let ann = &report.rows[0];
    assert_eq!((ann.keys[0].active, ann.keys[0].last_used), (Enabled::Yes, LastUse::Unknown));
    assert_eq!((ann.password.enabled, ann.password.last_used), (Enabled::Unknown, LastUse::Unknown));
}

#[test]
fn a_cut_row_is_a_problem_of_its_user_and_a_cell_nobody_understands_is_unknown() {
    let (cut, problems) = report(&[ROOT, &ANN[..120]]);
    assert_eq!(cut.rows.len(), 1);
    assert_eq!(messages(&problems), ["r.csv: line 3, column 1: the row has 8 cells of 22"]);
    assert_eq!(problems[0].affects, Affects::Principal(PrincipalArn::parse("arn:aws:iam::111122223333:user/ann").unwrap()));
    let (odd, problems) = report(&[&ANN.replace("2026-01-01T00:00:00+00:00", "yesterday")]);
    assert_eq!(odd.rows[0].keys[1].last_used, LastUse::Unknown);
    assert_eq!(
        messages(&problems),
        ["r.csv: line 2, column 1: `yesterday` in column `access_key_2_last_used_date` is not understood"]
    );
    let (_, problems) = CredentialReport::read("r.csv", b"");
    assert_eq!(problems.len(), 1);
}

#[test]
fn the_answer_around_a_report_is_undone() {
    let csv = "dXNlcixhcm4KYW5uLGFybjphd3M6aWFtOjoxMTExMjIyMjMzMzM6dXNlci9hbm4=";
    let answer =
        format!("{{\"Content\":\"{csv}\",\"ReportFormat\":\"text/csv\",\"GeneratedTime\":\"2026-11-01T00:00:00+00:00\"}}");
    let (report, _) = CredentialReport::read("r.json", answer.as_bytes());
    assert_eq!(report.rows[0].arn.as_str(), "arn:aws:iam::111122223333:user/ann");
    assert_eq!(report.generated, Timestamp::parse("2026-11-01"));
    assert_eq!(CredentialReport::read("r.txt", csv.as_bytes()).0.rows, report.rows);
    assert_eq!(CredentialReport::read("r.txt", b"no report at all").1.len(), 1);
}

#[test]
fn a_key_gets_its_id_only_when_user_and_creation_settle_its_slot() {
    let list = |day: &str| {
        format!(
            "{{\"AccessKeyMetadata\":[{{\"UserName\":\"ann\",\"AccessKeyId\":\"AKIAAAAAAAAAAAAAAAAA\",\"Status\":\"Active\",\"CreateDate\":\"{day}\"}}]}}"
        )
    };
    let (mut report, _) = report(&[ROOT, ANN]);
    let (keys, problems) = AccessKeyList::read("keys.json", list("2020-04-01T00:00:00Z").as_bytes());
    assert_eq!((problems, keys.join(&mut report)), (vec![], 0));
    assert_eq!(report.rows[1].keys[0].id, None);
    assert_eq!(report.rows[1].keys[1].id.as_ref().unwrap().as_str(), "AKIAAAAAAAAAAAAAAAAA");
    let (keys, _) = AccessKeyList::read("keys.json", list("2020-04-02T00:00:00Z").as_bytes());
    assert_eq!(keys.join(&mut report), 1);
    let (keys, _) = AccessKeyList::read("444455556666/keys.json", list("2020-04-01T00:00:00Z").as_bytes());
    assert_eq!(keys.join(&mut report), 1);
    for bad in ["", "{}", "{\"AccessKeyMetadata\":[{}]}", &list("2020")[..60]] {
        assert!(!AccessKeyList::read("keys.json", bad.as_bytes()).1.is_empty(), "{bad}");
    }
}

#[test]
fn sets_behave_as_sets_do() {
    let index = ActionIndex::new(Catalogue::embedded());
    let all: Vec<ActionId> = index.all().iter().collect();
    assert_eq!(all.len(), Catalogue::embedded().action_count());
    let of = |step: usize, from: usize| {
        let mut set = ActionSet::new();
        all.iter().skip(from).step_by(step).rev().for_each(|id| set.insert(*id));
        set
    };
    let (threes, fives) = (of(3, 9000), of(5, 7000));
    let is = |set: &ActionSet, wanted: &dyn Fn(bool, bool) -> bool| {
        assert_eq!(set.len(), set.iter().count());
        assert!(all.iter().all(|id| set.contains(*id) == wanted(threes.contains(*id), fives.contains(*id))));
    };
    let (mut union, mut both, mut less) = (threes.clone(), threes.clone(), threes.clone());
    union.add_all(&fives);
    both.keep_all(&fives);
    less.remove_all(&fives);
    is(&union, &|a, b| a || b);
    is(&both, &|a, b| a && b);
    is(&less, &|a, b| a && !b);
    for id in all.iter().step_by(97) {
        let (service, name) = index.name(*id);
        assert_eq!(index.action(&service.to_uppercase(), &name.to_uppercase()), Some(*id));
    }
}
