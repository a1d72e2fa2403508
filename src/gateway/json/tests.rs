//! Strict JSON is strict: what is not exactly lawful is named, with its place.

use super::*;

fn pointers(problem: &Problem) -> Vec<&str> {
    problem.errors.iter().filter_map(|e| e.pointer.as_deref()).collect()
}

#[test]
fn what_is_not_one_object_with_distinct_members_is_malformed() {
    for bad in [
        &b""[..],
        b"  ",
        b"[]",
        b"null",
        b"{",
        b"{} {}",
        b"{\"a\":1,\"a\":2}",
        b"{\"a\":1,\"\\u0061\":2}",
        b"{\"a\":\xff}",
        b"\xef\xbb\xbf{}",
    ] {
        let problem = Reader::parse(bad).unwrap_err();
        assert_eq!(problem.kind, Kind::MalformedJson, "{bad:?}");
    }
}

#[test]
fn numbers_that_are_not_whole_are_refused_as_what_they_are() {
    for bad in ["0.1", "1e2", "1e400", "\"100\"", "9223372036854775808", "true", "[1]", "-"] {
        let body = format!("{{\"amount\":{bad}}}");
        let Ok(mut reader) = Reader::parse(body.as_bytes()) else {
            assert_eq!(bad, "-", "only this is not JSON at all");
            continue;
        };
        assert_eq!(reader.integer("amount"), None, "{bad}");
        assert_eq!(pointers(&reader.finish().unwrap_err()), ["/amount"], "{bad}");
    }
    let mut reader = Reader::parse(b"{\"amount\": -12 }").unwrap();
    assert_eq!(reader.integer("amount"), Some(-12));
    reader.finish().unwrap();
}

#[test]
fn ten_thousand_levels_of_nesting_are_only_an_unknown_member() {
    let body = format!("{{\"x\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let problem = Reader::parse(body.as_bytes()).unwrap().finish().unwrap_err();
    assert_eq!(pointers(&problem), ["/x"]);
}

#[test]
fn lists_of_objects_are_read_item_by_item_with_their_places() {
    let mut reader = Reader::parse(b"{\"l\":[{\"a\":1},7,{\"a\":\"x\"},{\"b\":1,\"b\":2}],\"m\":{}}").unwrap();
    let parts = reader.optional_objects("l").unwrap();
    assert_eq!(parts.len(), 2);
    for mut part in parts {
        part.integer("a");
        reader.absorb(part);
    }
    assert!(reader.optional_objects("m").is_none());
    assert!(reader.optional_objects("none").is_none());
    assert_eq!(pointers(&reader.finish().unwrap_err()), ["/l/1", "/l/3", "/l/2/a", "/m"]);
    let many = format!("{{\"l\":[{}{{}}]}}", "{},".repeat(MEMBERS_MAX));
    assert_eq!(Reader::parse(many.as_bytes()).unwrap().optional_objects("l").map(|l| l.len()), None);
}

#[test]
fn only_true_and_false_are_truth_values() {
    let mut reader = Reader::parse(b"{\"t\":true,\"f\":false,\"n\":1,\"s\":\"true\"}").unwrap();
    assert_eq!((reader.optional_bool("t"), reader.optional_bool("f")), (Some(true), Some(false)));
    assert_eq!((reader.optional_bool("n"), reader.optional_bool("s"), reader.optional_bool("x")), (None, None, None));
    assert_eq!(pointers(&reader.finish().unwrap_err()), ["/n", "/s"]);
}

#[test]
fn every_wrong_member_is_named_at_once_with_its_pointer() {
    let mut reader = Reader::parse(b"{\"a\":1,\"b\":{\"c\":[],\"d\":2},\"e~/f\":null,\"s\":\"\\ud800\"}").unwrap();
    assert_eq!(reader.text("a"), None);
    assert_eq!(reader.text("s"), None);
    assert_eq!(reader.text("missing"), None);
    let mut part = reader.optional_object("b").unwrap();
    assert_eq!(part.optional_text("c"), None);
    reader.absorb(part);
    let problem = reader.finish().unwrap_err();
    assert_eq!(pointers(&problem), ["/a", "/s", "/missing", "/b/c", "/b/d", "/e~0~1f"]);
}
