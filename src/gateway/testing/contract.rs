//! The contract: what `openapi.json` says exists, exists, and answers as it says.

use std::collections::BTreeSet;

use axum::body::Body;
use http::Request;
use serde_json::Value;

use super::{House, order_body};
use crate::openapi_json;

fn document() -> Value {
    serde_json::from_str(&openapi_json()).unwrap()
}

fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().unwrap();
    let each = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().iter();
        methods.map(|(method, operation)| (method.to_uppercase(), path.clone(), operation.clone()))
    });
    each.collect()
}

/// The schema with its references followed.
fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap(),
        None => schema,
    }
}

/// Checks an object against its schema: required members there, no member that the schema lacks.
fn assert_fits(document: &Value, schema: &Value, value: &Value, at: &str) {
    let schema = resolved(document, schema);
    if let Some(properties) = schema["properties"].as_object() {
        let object = value.as_object().unwrap_or_else(|| panic!("{at} is not an object: {value}"));
        for name in schema["required"].as_array().into_iter().flatten() {
            assert!(object.contains_key(name.as_str().unwrap()), "{at}: {name} is missing in {value}");
        }
        for (name, member) in object {
            let property = properties.get(name).unwrap_or_else(|| panic!("{at}: {name} is not in the document"));
            assert_fits(document, property, member, &format!("{at}/{name}"));
        }
    }
    if let (Some(_), Some(items)) = (schema.get("items"), value.as_array()) {
        items.iter().for_each(|item| assert_fits(document, &schema["items"], item, at));
    }
}

#[tokio::test]
async fn every_operation_of_the_document_answers_as_the_document_says() {
    let house = House::new().await;
    let order = house.order("n-1").await;
    house.accept(&order).await;
    let document = document();
    assert_eq!(document["openapi"].as_str().unwrap().split('.').take(2).collect::<Vec<_>>(), ["3", "1"]);
    let mut called = BTreeSet::new();
    for (method, path, operation) in operations(&document) {
        let concrete = path
            .replace("{id}", order["id"].as_str().unwrap())
            .replace("{channel}", "wechat")
            .replace("{account}", &house.account.to_string())
            .replace("{kind}", "not-found");
        let body = if path == "/v1/orders" && method == "POST" { order_body().to_string() } else { String::new() };
        let headers = [("content-type", "application/json"), ("idempotency-key", path.as_str())];
        let answer = house.send(house.request(&method, &concrete, &headers, body)).await;
        let status = answer.status.to_string();
        assert_ne!(status, "404", "{method} {path} does not exist");
        let described = &operation["responses"][&status];
        assert!(described.is_object(), "{method} {path} answered {status}, which is not described: {}", answer.text());
        if let Some(schema) = described.pointer("/content/application~1json/schema") {
            assert_fits(&document, schema, &answer.json(), &format!("{method} {path}"));
        }
        called.insert(format!("{method} {path}"));
    }
    assert_eq!(called.len(), 12, "{called:?}");
}

#[tokio::test]
async fn order_operations_want_a_key_and_say_so() {
    let house = House::new().await;
    let document = document();
    for (method, path, operation) in operations(&document).into_iter().filter(|(_, path, _)| path.starts_with("/v1/")) {
        assert!(operation["security"][0].get("api_key").is_some(), "{method} {path}");
        let concrete = path.replace("{id}", "ord_00000000000000000000000000");
        let request = Request::builder().method(method.as_str()).uri(&concrete).body(Body::empty()).unwrap();
        let answer = house.send(request).await.expect(401);
        assert_eq!(answer.problem(), "unauthorized");
        let described = &operation["responses"]["401"]["content"]["application/problem+json"]["schema"];
        assert_fits(&document, described, &answer.json(), &path);
    }
}

#[test]
fn the_members_of_a_request_are_those_that_are_read() {
    let document = document();
    let schema = &document["components"]["schemas"]["CreateOrder"];
    let names: BTreeSet<&str> = schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
    let body: Value =
        names.iter().map(|name| ((*name).to_owned(), Value::Null)).collect::<serde_json::Map<_, _>>().into();
    let problem = crate::orders::intake::read(body.to_string().as_bytes()).unwrap_err();
    let missing: BTreeSet<String> = problem.errors.iter().filter_map(|e| e.pointer.clone()).collect();
    let required = schema["required"].as_array().unwrap().iter().map(|n| format!("/{}", n.as_str().unwrap()));
    assert_eq!(missing, required.collect(), "unknown members would be errors of their own");
}
