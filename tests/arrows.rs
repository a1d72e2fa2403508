//! The house's arrows: what a crate boundary cannot say by itself is said here. It reads the sources and
//! must never run them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use bursar_core::job::JobKind;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn manifest(path: &Path) -> toml::Table {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display())).parse().unwrap()
}

fn members() -> Vec<String> {
    let workspace = manifest(&root().join("Cargo.toml"));
    let members = workspace["workspace"]["members"].as_array().unwrap();
    members.iter().map(|m| m.as_str().unwrap().to_owned()).collect()
}

/// Dependencies of each member, those of its tests not counted.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let of = |member: &String| {
        let manifest = manifest(&root().join(member).join("Cargo.toml"));
        let mut names = BTreeSet::new();
        for section in ["dependencies", "build-dependencies"] {
            names.extend(manifest.get(section).and_then(|s| s.as_table()).into_iter().flat_map(|t| t.keys().cloned()));
        }
        names
    };
    members().iter().map(|m| (m.clone(), of(m))).collect()
}

/// The members that depend on a crate whose name starts with `prefix`.
fn who_uses(prefix: &str) -> BTreeSet<String> {
    dependencies().into_iter().filter(|(_, d)| d.iter().any(|n| n.starts_with(prefix))).map(|(m, _)| m).collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|n| (*n).to_owned()).collect()
}

/// Every `.rs` file below `folder`.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found
}

#[test]
fn each_third_party_has_one_room() {
    for (prefix, rooms) in [
        ("apalis", &["src/worker"][..]),
        ("sqlx", &["src/store"]),
        ("redis", &["src/worker"]),
        ("reqwest", &["src/channels", "src/sandbox", "tests"]),
        ("axum", &["src/gateway", "src/sandbox", "tests"]),
        ("clap", &["src/bursar"]),
    ] {
        assert_eq!(who_uses(prefix), set(rooms), "who depends on {prefix}");
    }
}

#[test]
fn the_ground_floor_is_pure() {
    let core = &dependencies()["src/core"];
    let allowed = set(&["jiff", "serde", "serde_json", "thiserror", "uuid"]);
    assert!(core.is_subset(&allowed), "bursar-core depends on {:?}", core.difference(&allowed));
}

#[test]
fn the_rooms_depend_downwards_only() {
    let below = |names: &[&str]| -> BTreeSet<String> { names.iter().map(|n| format!("bursar-{n}")).collect() };
    let rooms = [
        ("src/core", below(&[])),
        ("src/channels", below(&["core"])),
        ("src/store", below(&["core"])),
        ("src/sandbox", below(&["core", "channels", "store", "jobs"])),
        ("jobs", below(&["core", "channels", "store"])),
        ("schedules", below(&["core", "store"])),
        ("src/gateway", below(&["core", "channels", "store"])),
        ("src/worker", below(&["core", "store", "jobs"])),
    ];
    for (room, allowed) in rooms {
        let ours: BTreeSet<_> = dependencies()[room].iter().filter(|n| n.starts_with("bursar")).cloned().collect();
        assert!(ours.is_subset(&allowed), "{room} depends on {:?}", ours.difference(&allowed).collect::<Vec<_>>());
    }
    let upstairs: BTreeSet<String> = who_uses("bursar-sandbox");
    assert_eq!(upstairs, set(&["src/bursar", "tests"]), "who depends on the sandbox");
}

#[test]
fn only_the_seeded_world_of_the_sandbox_uses_what_it_tries() {
    let mut guilty = Vec::new();
    for path in sources(&root().join("src/sandbox")) {
        let text = std::fs::read_to_string(&path).unwrap();
        let in_world = path.iter().any(|p| p == "world");
        if !in_world && ["bursar_channels::", "bursar_store::", "bursar_jobs::"].iter().any(|room| text.contains(room))
        {
            guilty.push(path);
        }
    }
    assert_eq!(guilty, Vec::<PathBuf>::new(), "the sandbox's channels are another hand's reading of the documents");
}

#[test]
fn only_the_program_reads_the_environment() {
    let mut readers = BTreeSet::new();
    for member in members() {
        let outside = ["src/bursar", "src/sandbox", "tests"].contains(&member.as_str());
        for path in sources(&root().join(&member)) {
            let text = std::fs::read_to_string(&path).unwrap();
            // A test module, by this project's habit, stands last in its file or in a file of its own.
            let shipped = text.split("#[cfg(test)]").next().unwrap_or_default();
            let of_tests = ["conformance", "testing", "cases", "examples"].iter().any(|f| path.iter().any(|p| p == *f));
            if !outside && !of_tests && shipped.contains("std::env") {
                readers.insert(path);
            }
        }
    }
    assert_eq!(readers, BTreeSet::new(), "only src/bursar reads the environment");
}

#[test]
fn the_top_level_is_exactly_the_house() {
    let allowed =
        set(&["Cargo.toml", "Cargo.lock", "Dockerfile", "README.md", "config", "jobs", "schedules", "src", "tests"]);
    let mut unexpected = Vec::new();
    for entry in std::fs::read_dir(root()).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        // Tool files are dot-files; the build's output is not part of the repository.
        let fine = name.starts_with('.') || name.starts_with("LICENSE") || name == "target" || allowed.contains(&name);
        if !fine {
            unexpected.push(name);
        }
    }
    // What a run of the program leaves behind is ignored by git, not by this test's author.
    let ignored = std::fs::read_to_string(root().join(".gitignore")).unwrap();
    unexpected.retain(|name| {
        !ignored.lines().any(|l| {
            let pattern = l.trim_start_matches('/');
            pattern == name
                || pattern.strip_suffix('*').is_some_and(|p| name.starts_with(p))
                || pattern.strip_prefix('*').is_some_and(|s| name.ends_with(s))
        })
    });
    assert_eq!(unexpected, Vec::<String>::new(), "the top level holds more than the house");
}

#[test]
fn every_job_is_a_file_named_after_its_kind() {
    let folder = root().join("jobs");
    for kind in JobKind::ALL {
        let path = folder.join(format!("{}.rs", kind.name()));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        assert!(text.contains("pub async fn run("), "{} has no `pub async fn run`", path.display());
    }
    for path in sources(&folder) {
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let is_job = name != "lib" && text.contains("pub async fn run(");
        assert!(!is_job || JobKind::ALL.iter().any(|k| k.name() == name), "{} is no kind of job", path.display());
    }
}

#[test]
fn every_file_opens_with_what_it_knows() {
    let mut silent = Vec::new();
    for member in members() {
        for path in sources(&root().join(&member)) {
            let text = std::fs::read_to_string(&path).unwrap();
            if !text.starts_with("//!") && !path.iter().any(|p| p == "target") {
                silent.push(path);
            }
        }
    }
    assert_eq!(silent, Vec::<PathBuf>::new(), "files without an opening sentence");
}
