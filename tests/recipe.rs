//! How a channel is added stands in the documentation of `bursar_channels`, as tables of files. This keeps them true:
//! it looks for every channel in every source, and compares. A channel's dialect that leaks into other files is found
//! here, and so is a row that nothing needs any more.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use bursar_core::channel::ChannelKind;

const RECIPE: &str = "src/channels/lib.rs";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// A row of the tables: files (or folders, with a slash at the end), and whose they are.
struct Step {
    files: Vec<String>,
    channels: Vec<ChannelKind>,
}

fn channels(words: &str) -> Vec<ChannelKind> {
    match words {
        "all" => ChannelKind::ALL.to_vec(),
        "called" => ChannelKind::ALL.into_iter().filter(|channel| channel.can_be_asked()).collect(),
        names => names.split(", ").map(|name| name.parse().unwrap_or_else(|e| panic!("{RECIPE}: {e}"))).collect(),
    }
}

/// The rows of the recipe: `| files | what | channels |`, the files in backquotes.
fn recipe() -> Vec<Step> {
    let text = read(RECIPE);
    let rows = text.lines().filter_map(|line| line.strip_prefix("//! | `"));
    let steps = rows.map(|row| {
        let cells: Vec<_> = row.trim_end_matches(" |").split(" | ").collect();
        let [files, _, whose] = cells[..] else { panic!("{RECIPE}: three cells, please: {row}") };
        let files = files.split('`').filter(|part| part.contains('/')).map(str::to_owned).collect();
        Step { files, channels: channels(whose) }
    });
    steps.collect()
}

/// Every `.rs` file below `folder` that is not a test, from the root.
fn sources(folder: &str, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(root().join(folder)).unwrap_or_else(|e| panic!("{folder}: {e}")) {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let path = format!("{folder}/{name}");
        if entry.path().is_dir() {
            if !["tests", "testing", "testdata", "cases", "conformance"].contains(&name.as_str()) {
                sources(&path, found);
            }
        } else if name.ends_with(".rs") && !is_test(&name) {
            found.push(path);
        }
    }
}

fn is_test(name: &str) -> bool {
    name == "tests.rs" || name == "testing.rs" || name.ends_with("_tests.rs") || name.starts_with("test_")
}

/// The code of a file: without comments, documentation, examples of it, and tests at its end.
fn code(path: &str) -> String {
    let text = read(path);
    let end = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    let told = |line: &&str| !line.contains("example = \"") && !line.contains("description = \"");
    let lines = text[..end].lines().filter(told);
    lines.map(|line| line.split_once("//").map_or(line, |(code, _)| code)).collect::<Vec<_>>().join("\n")
}

/// How a channel shows in code: by its name. What is also an English word, only where it means the channel.
fn mentions(code: &str, channel: ChannelKind) -> bool {
    let any = |words: &[&str]| words.iter().any(|word| code.contains(word));
    match channel {
        ChannelKind::Bank => any(&["ChannelKind::Bank", "Self::Bank,", "Method::BankTransfer", "\"bank_transfer\""]),
        ChannelKind::Cash => any(&["ChannelKind::Cash", "Self::Cash,", "Method::Cash"]),
        other => code.to_ascii_lowercase().contains(other.name()),
    }
}

/// Whether a file is the channel's own: it, or a folder above it, bears its name.
fn is_home(path: &str, channel: ChannelKind) -> bool {
    path.split('/').any(|part| part.trim_end_matches(".rs") == channel.name())
}

fn covers(step: &str, path: &str) -> bool {
    step == path || (step.ends_with('/') && path.starts_with(step))
}

#[test]
fn the_recipe_for_a_channel_names_exactly_the_files_that_know_it() {
    let mut paths = Vec::new();
    for folder in ["src", "jobs", "schedules"] {
        sources(folder, &mut paths);
    }
    assert!(paths.len() > 400, "only {} sources were found", paths.len());
    let sources: Vec<_> = paths.into_iter().map(|path| (code(&path), path)).collect();
    let (steps, mut wrong) = (recipe(), BTreeSet::new());
    for channel in ChannelKind::ALL {
        let known = |(code, path): &&(String, String)| mentions(code, channel) && !is_home(path, channel);
        let known: Vec<_> = sources.iter().filter(known).map(|(_, path)| path.as_str()).collect();
        let name = channel.name();
        let named: Vec<_> =
            steps.iter().filter(|step| step.channels.contains(&channel)).flat_map(|step| &step.files).collect();
        for path in &known {
            if !named.iter().any(|step| covers(step, path)) {
                wrong.insert(format!(
                    "{path} knows {name}: move that into a folder of {name}, or tell newcomers in {RECIPE}"
                ));
            }
        }
        for step in named {
            if !known.iter().any(|path| covers(step, path)) {
                wrong.insert(format!("{step} does not know {name} any more: strike it out in {RECIPE}"));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.into_iter().collect::<Vec<_>>().join("\n"));
}

#[test]
fn every_channel_has_its_folder_and_those_that_are_called_a_sandbox() {
    for channel in ChannelKind::ALL {
        let mut folders = vec![format!("src/channels/{}/mod.rs", channel.name())];
        if channel.can_be_asked() {
            folders.push(format!("src/sandbox/{}/mod.rs", channel.name()));
        }
        folders.push(format!("tests/support/channels/{}.rs", channel.name()));
        for path in folders {
            assert!(root().join(&path).is_file(), "{path} is missing");
        }
    }
}

#[test]
fn the_search_finds_what_leaks_and_nothing_else() {
    let leak = "fn f(k: ChannelKind) -> bool { k == ChannelKind::Alipay }";
    assert!(mentions(leak, ChannelKind::Alipay) && !mentions(leak, ChannelKind::Unionpay));
    assert!(mentions("let alipay_age = 1;", ChannelKind::Alipay));
    assert!(!mentions("let bank = 1; fn cash() {}", ChannelKind::Bank));
    assert!(!mentions("let bank = 1; fn cash() {}", ChannelKind::Cash));
    assert!(
        is_home("src/channels/alipay/mod.rs", ChannelKind::Alipay)
            && is_home("src/bursar/cli/cash.rs", ChannelKind::Cash)
    );
    assert!(!is_home("src/sandbox/shared.rs", ChannelKind::Alipay));
}
