//! The page about channel accounts says what their settings are: it knows how the page is written, and must never
//! know a member by heart.

use std::collections::BTreeSet;
use std::fmt::Debug;

use bursar_core::reconcile::FeeRule;
use serde_json::{Map, Value, json};

use crate::bank::statement::{Columns, Mapping};
use crate::settings::{AccountSettings, MEMBERS, located};
use crate::{BankSettings, CashSettings, alipay, stripe, unionpay, wechat};

const PAGE: &str = include_str!("../../config/accounts.md");

/// Reads settings and shows what was understood.
type Read<'a> = &'a dyn Fn(&Value) -> Result<String, String>;

/// A row of a table that begins with a member.
struct Row {
    member: String,
    default: String,
}

/// What stands below `heading`, up to the next one.
fn section(heading: &str) -> &'static str {
    let after = PAGE.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("{heading} is missing")).1;
    after.split("\n## ").next().unwrap().split("\n### ").next().unwrap()
}

fn rows(heading: &str) -> Vec<Row> {
    let lines = section(heading).lines().filter_map(|line| line.strip_prefix("| `"));
    lines
        .map(|line| {
            let (member, rest) = line.split_once("` | ").unwrap();
            let default = rest.trim_end_matches(" |").rsplit(" | ").next().unwrap();
            Row { member: member.to_owned(), default: default.trim_matches('`').to_owned() }
        })
        .collect()
}

fn members(heading: &str) -> BTreeSet<String> {
    let rows = rows(heading);
    let members: BTreeSet<String> = rows.iter().map(|row| row.member.clone()).collect();
    assert_eq!(members.len(), rows.len(), "{heading}: a member stands in two rows");
    members
}

fn called_needed(heading: &str) -> BTreeSet<String> {
    rows(heading).into_iter().filter(|row| row.default == "needed").map(|row| row.member).collect()
}

fn examples(heading: &str) -> Vec<Value> {
    let blocks = section(heading).split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.map(|text| serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))).collect()
}

/// The names that would have been taken instead of one that is none.
fn taken(read: Read<'_>) -> BTreeSet<String> {
    let error = read(&json!({"?": 1})).unwrap_err();
    let (_, names) = error.split_once("expected ").unwrap_or_else(|| panic!("{error}"));
    names.split(';').next().unwrap().split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The members without which nothing is taken; their values come from `example`.
fn needed(read: Read<'_>, example: &Value) -> BTreeSet<String> {
    let mut given = Map::new();
    loop {
        let error = read(&Value::Object(given.clone())).err().unwrap_or_default();
        let Some((_, rest)) = error.split_once("missing field `") else {
            return given.keys().cloned().collect();
        };
        let member = rest.split('`').next().unwrap();
        given.insert(member.to_owned(), example.get(member).unwrap_or_else(|| panic!("{member}")).clone());
    }
}

/// As it is compared: how words are written differs between JSON and what Rust shows.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !matches!(c, '_' | '"')).flat_map(char::to_lowercase).collect()
}

/// Defaults of `heading` are what is `shown` of settings that do not name them.
fn defaults_agree(heading: &str, example: &Value, shown: &str) {
    for Row { member, default } in rows(heading) {
        if example.get(&member).is_some()
            || ["needed", "see below", "by the payer"].contains(&&*default)
            || default.contains('`')
        {
            continue;
        }
        let found =
            [", ", " }", ")"].iter().any(|end| plain(shown).contains(&plain(&format!(" {member}: {default}{end}"))));
        assert!(found, "{heading}: the default of {member} is not {default}: {shown}");
    }
}

/// Compares what stands below `heading` with what `read` takes.
fn agrees(heading: &str, read: Read<'_>) {
    assert_eq!(members(heading), taken(read), "{heading}");
    let examples = examples(heading);
    for example in &examples {
        let shown = read(example).unwrap_or_else(|e| panic!("{heading}: {e}: {example}"));
        defaults_agree(heading, example, &shown);
    }
    let first = examples.first().unwrap_or_else(|| panic!("{heading} has no example"));
    assert_eq!(called_needed(heading), needed(read, first), "{heading}");
    for wrong in [json!({"?": 1}), json!(1)] {
        let error = read(&wrong).unwrap_err();
        assert!(error.ends_with("; see config/accounts.md"), "{error}");
    }
}

fn shown(settings: impl Debug) -> String {
    format!("{settings:?}")
}

/// The same for a channel that is called: also its hosts and rates, and the members of all such channels.
fn agrees_with<S: AccountSettings>(heading: &str, name: &str) {
    const COMMON: &str = "## Members of every channel that is called";
    let read = |value: &Value| S::read(value).map(shown);
    agrees(heading, &read);
    let example = examples(heading).remove(0);
    let settings = S::read(&example).unwrap_or_else(|e| panic!("{e}"));
    let common = settings.common();
    let hosts: Vec<_> = common.hosts.iter().map(|url| format!("`{}`", url.as_str().trim_end_matches('/'))).collect();
    let (rate, refunds) = (common.rate_per_second, common.refund_rate_per_second);
    let row = format!("| `{name}` | {} | `{rate}` | `{refunds}` |", hosts.join(" "));
    assert!(section("### Hosts and rates").contains(&row), "the page should say: {row}");
    assert_eq!(members(COMMON), MEMBERS.map(str::to_owned).into());
    defaults_agree(COMMON, &example, &shown(common));
    for member in MEMBERS {
        let mut wrong = example.clone();
        wrong[member] = json!({});
        let error = read(&wrong).unwrap_err();
        assert!(error.contains(&format!("`{member}`")), "{heading}: {error}");
    }
}

/// The same for a `member` that holds more of them, which stands below `heading` in an account of the channel.
fn part_agrees<S: AccountSettings>(channel: &str, member: &str, heading: &str) {
    let account = examples(channel).remove(0);
    let read = |value: &Value| {
        let mut account = account.clone();
        account[member] = value.clone();
        S::read(&account).map(shown)
    };
    agrees(heading, &read);
}

fn agreements_agree<S: AccountSettings>(heading: &str) {
    let name = heading.trim_start_matches("## ");
    part_agrees::<S>(heading, "agreements", &format!("### Agreements of {name}"));
}

#[test]
fn the_page_says_what_pay_after_service_needs() {
    part_agrees::<wechat::Settings>("## WeChat Pay", "score", "### Pay after service of WeChat Pay");
}

#[test]
fn the_page_says_what_agreements_need() {
    agreements_agree::<wechat::Settings>("## WeChat Pay");
    agreements_agree::<alipay::Settings>("## Alipay");
    agreements_agree::<unionpay::Settings>("## UnionPay");
}

#[test]
fn the_page_says_what_fees_are() {
    let read = |value: &Value| located::<FeeRule>(value).map(shown);
    assert_eq!(members("### Fees"), taken(&read));
    let example = json!({"basis_points": 60});
    assert_eq!(called_needed("### Fees"), needed(&read, &example));
    defaults_agree("### Fees", &example, &read(&example).unwrap());
}

#[test]
fn the_page_says_what_an_account_of_wechat_pay_is() {
    agrees_with::<wechat::Settings>("## WeChat Pay", "wechat");
}

#[test]
fn the_page_says_what_an_account_of_alipay_is() {
    agrees_with::<alipay::Settings>("## Alipay", "alipay");
}

#[test]
fn the_page_says_what_an_account_of_unionpay_is() {
    agrees_with::<unionpay::Settings>("## UnionPay", "unionpay");
}

#[test]
fn the_page_says_what_an_account_of_stripe_is() {
    agrees_with::<stripe::Settings>("## Stripe", "stripe");
}

#[test]
fn the_page_says_what_an_account_at_a_bank_is() {
    agrees("## Bank", &|value| BankSettings::read(value).map(shown));
}

#[test]
fn the_page_says_what_an_account_of_cash_is() {
    agrees("## Cash", &|value| CashSettings::read(value).map(shown));
    defaults_agree("## Cash", &json!({}), &shown(CashSettings::read(&json!({})).unwrap()));
}

#[test]
fn the_page_says_how_a_table_of_a_bank_is_described() {
    let example = examples("## Bank").pop().unwrap()["statement_mapping"].clone();
    let read = |value: &Value| located::<Mapping>(value).map(shown);
    assert_eq!(members("### Mapping"), taken(&read));
    assert_eq!(called_needed("### Mapping"), needed(&read, &example));
    assert_eq!(members("### Columns of a mapping"), taken(&|value| located::<Columns>(value).map(shown)));
    let mapping: Mapping = located(&json!({"name": example["name"], "columns": example["columns"]})).unwrap();
    let whole = serde_json::to_value(mapping).unwrap();
    for Row { member, default } in rows("### Mapping").into_iter().filter(|row| row.default != "needed") {
        assert_eq!(serde_json::from_str::<Value>(&default).unwrap(), whole[&member], "{member}");
    }
}
