//! What the README says is so: its verbs and flags exist, its settings, files, metrics and tests exist,
//! its diagrams are the machine's. It knows how the README is written, and must never mend it. Of the page on
//! channel accounts, too, verbs, flags and links are checked.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use bursar::config::Config;
use bursar_core::diagram;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

fn readme() -> String {
    std::fs::read_to_string(root().join("README.md")).expect("README.md")
}

fn accounts() -> String {
    std::fs::read_to_string(root().join("config/accounts.md")).expect("config/accounts.md")
}

fn defaults() -> Config {
    Config::load(None, std::iter::empty(), &[]).expect("the defaults")
}

/// Everything in code: the lines of fenced blocks and the spans between backticks, each on a line.
fn code(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut fenced = false;
    for line in text.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
        } else if fenced {
            found.push(line.to_owned());
        } else {
            found.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    found
}

fn help(words: &[&str]) -> Option<String> {
    let output = Command::new(bursar_tests::binary()).args(words).arg("--help").output().expect("bursar --help");
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// `bursar` and the words after it, in each piece of code; with the flags that follow.
fn commands() -> BTreeMap<Vec<String>, BTreeSet<String>> {
    let word = |text: &&str| !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    let mut all: BTreeMap<Vec<String>, BTreeSet<String>> = BTreeMap::new();
    for line in code(&(readme() + &accounts())) {
        // `$(bursar …)` and `cargo run --release -- VERB` are commands too.
        let line = line.replace("$(", " ").replace(')', " ").replace("cargo run --release -- ", "bursar ");
        let tokens: Vec<&str> = line.split_whitespace().collect();
        for (at, _) in tokens.iter().enumerate().filter(|(_, token)| **token == "bursar") {
            let rest = &tokens[at + 1..];
            let words: Vec<String> =
                rest.iter().take_while(|t| word(t) && !t.starts_with('-')).take(2).map(|t| (*t).to_owned()).collect();
            if words.is_empty() {
                continue;
            }
            let flags = rest.iter().take_while(|t| !["|", ">", "&&", "#"].contains(t)).filter(|t| t.starts_with("--"));
            all.entry(words).or_default().extend(flags.map(|f| (*f).to_owned()));
        }
    }
    all
}

#[test]
fn every_verb_and_flag_of_the_readme_exists() {
    let commands = commands();
    assert!(commands.len() > 15, "the README names its verbs: {commands:?}");
    for (words, flags) in commands {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let page = help(&words).unwrap_or_else(|| panic!("`bursar {}` does not exist", words.join(" ")));
        // A verb without verbs of its own would take any word.
        assert!(page.contains(&format!("Usage: bursar {}", words.join(" "))), "`bursar {}`: {page}", words.join(" "));
        for flag in flags {
            assert!(page.contains(&flag), "`bursar {} {flag}`: there is no such flag", words.join(" "));
        }
    }
}

#[test]
fn flags_that_stand_alone_exist_somewhere() {
    let named: [&[&str]; 7] = [
        &[],
        &["demo"],
        &["merchant", "add-account"],
        &["merchant", "policy"],
        &["plan", "create"],
        &["plan", "resume"],
        &["plan", "cancel"],
    ];
    let ours: String = named.iter().map(|w| help(w).expect("help")).collect();
    for span in code(&readme()).iter().filter(|span| span.starts_with("--")) {
        let flag = span.split_whitespace().next().expect("a flag");
        assert!(ours.contains(flag), "`{flag}` is no flag of bursar");
    }
}

#[test]
fn every_setting_of_the_readme_exists() {
    let keys: BTreeSet<String> = defaults().show().into_iter().map(|(key, _, _)| key).collect();
    let sections: BTreeSet<&str> = keys.iter().filter_map(|k| k.split('.').next()).collect();
    let mut seen = 0;
    for piece in code(&readme()) {
        for token in piece.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.')) {
            let key = match token.strip_prefix("BURSAR__") {
                Some(name) => name.to_lowercase().replace("__", "."),
                None => token.to_owned(),
            };
            let Some((section, name)) = key.split_once('.') else { continue };
            // `order.paid` and `config/default.toml` are no settings.
            if sections.contains(section) && !["rs", "toml", "md"].contains(&name) {
                assert!(keys.contains(&key), "`{key}` is not a setting");
                seen += 1;
            }
        }
    }
    assert!(seen > 8, "the README names settings");
}

#[test]
fn every_file_that_the_readme_names_exists() {
    let text = readme();
    let linked = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let files: Vec<String> =
        linked.filter(|to| !to.starts_with("http") && !to.starts_with('#')).map(str::to_owned).collect();
    let folders = ["src/", "jobs/", "schedules/", "tests/", "config/", ".ci/"];
    let spans = code(&text).into_iter().filter_map(|span| span.split_whitespace().next().map(str::to_owned));
    let spans = spans.filter(|word| folders.iter().any(|folder| word.starts_with(folder)));
    let all: BTreeSet<String> = files.into_iter().chain(spans).map(|p| p.trim_end_matches(',').to_owned()).collect();
    assert!(all.len() > 20, "{all:?}");
    for link in all {
        let (file, heading) = link.split_once('#').unwrap_or((&link, ""));
        assert!(root().join(file).exists(), "{link} does not exist");
        if !heading.is_empty() {
            let text = std::fs::read_to_string(root().join(file)).expect("a page");
            assert!(headings(&text).contains(heading), "{link}: no such heading");
        }
    }
}

#[test]
fn every_link_within_a_page_has_its_heading() {
    for text in [readme(), accounts()] {
        every_link_has_its_heading(&text);
    }
}

/// What a link to a heading of `text` says behind its `#`.
fn headings(text: &str) -> BTreeSet<String> {
    let anchor = |line: &str| line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-").replace(',', "");
    text.lines().filter(|l| l.starts_with('#')).map(anchor).collect()
}

fn every_link_has_its_heading(text: &str) {
    let headings = headings(text);
    for to in text.split("](#").skip(1).filter_map(|rest| rest.split(')').next()) {
        assert!(headings.contains(to), "no heading for #{to}: {headings:?}");
    }
}

/// All sources below `folder`, with their paths.
fn sources(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in std::fs::read_dir(folder).expect("a folder").map(|e| e.expect("an entry").path()) {
        if entry.is_dir() {
            sources(&entry, found);
        } else if entry.extension().is_some_and(|e| e == "rs") {
            found.push((entry.clone(), std::fs::read_to_string(&entry).expect("a source")));
        }
    }
}

#[test]
fn every_metric_and_every_named_test_of_the_readme_exists() {
    let mut all = Vec::new();
    ["src", "jobs", "schedules", "tests"].iter().for_each(|f| sources(&root().join(f), &mut all));
    let code = code(&readme());
    let metrics: Vec<&String> = code.iter().filter(|span| span.starts_with("bursar_")).collect();
    assert!(metrics.len() >= 6, "{metrics:?}");
    for metric in metrics {
        let shown = |(path, text): &(PathBuf, String)| {
            path.starts_with(root().join("src")) && text.contains(&format!("\"{metric}\""))
        };
        assert!(all.iter().any(shown), "{metric} is shown nowhere");
    }
    for word in code
        .iter()
        .filter_map(|span| span.strip_prefix("tests/run "))
        .filter(|w| w.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit()))
    {
        let named = |(path, text): &(PathBuf, String)| {
            path.to_string_lossy().contains(word) && (text.contains("#[test]") || text.contains("#[tokio::test"))
                || text.contains(&format!("mod {word}"))
        };
        assert!(all.iter().any(named), "tests/run {word}: no test has this word");
    }
}

#[test]
fn the_diagrams_are_the_machines() {
    let (text, plans) = (readme(), defaults().plans().expect("plans"));
    let drawn = [("payment", diagram::payment(&plans)), ("order", diagram::order(&plans)), ("leg", diagram::leg())];
    for (name, drawn) in drawn {
        let expected = format!("<!-- diagram: {name} -->\n```mermaid\n{}\n```\n<!-- end of diagram -->", drawn.trim());
        assert!(text.contains(&expected), "the README should say (see `bursar diagram`):\n{expected}");
    }
}

#[test]
fn the_example_for_production_is_a_configuration() {
    let path = root().join("config/production.toml");
    let config = Config::load(Some(&path), std::iter::empty(), &[]).expect("config/production.toml");
    bursar::compose::check(&config).expect("its values");
    let environment = std::fs::read_to_string(root().join("config/compose.yaml")).expect("config/compose.yaml");
    let keys: Vec<&str> = environment
        .lines()
        .filter_map(|l| l.trim().strip_prefix("BURSAR__")?.split_once(": ").map(|(k, _)| k))
        .collect();
    assert!(keys.len() >= 4, "{keys:?}");
    for key in keys {
        let key = key.to_lowercase().replace("__", ".");
        assert!(
            config.show().iter().any(|(known, _, _)| *known == key),
            "config/compose.yaml: `{key}` is not a setting"
        );
    }
}
