//! Configuration: it knows layers and where each value comes from, and must never know what a value is
//! used for.
//!
//! `config/default.toml` is part of the binary and is the schema: a key that it does not name is not a
//! setting. Every error names file (or variable or flag), key and layer.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use bursar_core::plan::{Plans, RetryPlan, parse_duration_ms};
use toml::{Table, Value};

/// The embedded defaults.
pub const DEFAULT: &str = include_str!("../../config/default.toml");
/// Environment variables of this prefix are settings: `BURSAR__SECTION__KEY`.
const ENV_PREFIX: &str = "BURSAR__";

/// Where a value comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origin {
    /// The embedded file.
    Default,
    /// A file.
    File(PathBuf),
    /// An environment variable.
    Environment(String),
    /// A flag of the command line.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::Flag(flag) => write!(f, "flag {flag}"),
        }
    }
}

/// What is wrong with the configuration, in one sentence.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{origin}: {problem}")]
pub struct ConfigError {
    /// Where.
    pub origin: Origin,
    /// What, with the key.
    pub problem: String,
}

/// All values with their origins, by `section.key`.
#[derive(Clone, Debug)]
pub struct Config {
    values: BTreeMap<String, (Value, Origin)>,
}

impl Config {
    /// The defaults, with `file`, `environment` (all variables; those without the prefix are skipped)
    /// and `flags` (key, value, flag's name) laid over them in this order.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn load(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
        flags: &[(&str, String, &str)],
    ) -> Result<Self, ConfigError> {
        let mut config = Self { values: flatten(DEFAULT, &Origin::Default)? };
        if let Some(path) = file {
            let origin = Origin::File(path.to_owned());
            let text = std::fs::read_to_string(path)
                .map_err(|e| ConfigError { origin: origin.clone(), problem: format!("cannot be read: {e}") })?;
            for (key, (value, origin)) in flatten(&text, &origin)? {
                config.set(&key, value, origin)?;
            }
        }
        for (name, text) in environment {
            let Some(key) = name.strip_prefix(ENV_PREFIX) else { continue };
            let key = key.to_lowercase().replace("__", ".");
            config.set_text(&key, &text, Origin::Environment(name))?;
        }
        for (key, text, flag) in flags {
            config.set_text(key, text, Origin::Flag((*flag).to_owned()))?;
        }
        Ok(config)
    }

    /// This configuration with more flags laid over it.
    ///
    /// # Errors
    /// When one is wrong.
    pub fn with(&self, flags: &[(&str, String, &str)]) -> Result<Self, ConfigError> {
        let mut config = self.clone();
        for (key, text, flag) in flags {
            config.set_text(key, text, Origin::Flag((*flag).to_owned()))?;
        }
        Ok(config)
    }

    /// Whether nobody has set `key`.
    pub fn is_default(&self, key: &str) -> bool {
        self.entry(key).1 == Origin::Default
    }

    fn set(&mut self, key: &str, value: Value, origin: Origin) -> Result<(), ConfigError> {
        let Some(slot) = self.values.get_mut(key) else {
            let hint = self.nearest(key).map(|k| format!("; did you mean `{k}`?")).unwrap_or_default();
            return Err(ConfigError { origin, problem: format!("`{key}` is not a setting{hint}") });
        };
        if slot.0.type_str() != value.type_str() {
            let problem = format!("`{key}` must be a {}, as in `{key} = {}`", slot.0.type_str(), slot.0);
            return Err(ConfigError { origin, problem });
        }
        *slot = (value, origin);
        Ok(())
    }

    /// Sets a value from text, which is read as the type of the default.
    fn set_text(&mut self, key: &str, text: &str, origin: Origin) -> Result<(), ConfigError> {
        let kind = self.values.get(key).map(|(v, _)| v.type_str());
        let value = match kind {
            Some("integer") => text.parse().ok().map(Value::Integer),
            Some("boolean") => text.parse().ok().map(Value::Boolean),
            _ => Some(Value::String(text.to_owned())),
        };
        match value {
            Some(value) => self.set(key, value, origin),
            None => Err(ConfigError { origin, problem: format!("`{key}` must be a {}", kind.unwrap_or("value")) }),
        }
    }

    fn nearest(&self, key: &str) -> Option<&str> {
        let last = |key: &str| key.rsplit('.').next().map(str::to_owned);
        // The right name in another section, or else the fewest typing mistakes.
        self.values
            .keys()
            .map(String::as_str)
            .min_by_key(|known| (last(known) != last(key), strsim::levenshtein(known, key)))
    }

    fn entry(&self, key: &str) -> (&Value, Origin) {
        static MISSING: Value = Value::Boolean(false);
        self.values.get(key).map_or((&MISSING, Origin::Default), |(v, o)| (v, o.clone()))
    }

    fn wrong(&self, key: &str, problem: &str) -> ConfigError {
        ConfigError { origin: self.entry(key).1, problem: format!("`{key}`: {problem}") }
    }

    /// A text.
    pub fn text(&self, key: &str) -> String {
        self.entry(key).0.as_str().unwrap_or_default().to_owned()
    }

    /// A switch.
    pub fn switch(&self, key: &str) -> bool {
        self.entry(key).0.as_bool().unwrap_or_default()
    }

    /// A whole number of at least `min`.
    ///
    /// # Errors
    /// When it is smaller, or does not fit.
    pub fn number<N: TryFrom<i64>>(&self, key: &str, min: i64) -> Result<N, ConfigError> {
        let number = self.entry(key).0.as_integer().unwrap_or_default();
        let fits = (number >= min).then(|| N::try_from(number).ok()).flatten();
        fits.ok_or_else(|| self.wrong(key, &format!("{number} is out of range; at least {min}")))
    }

    /// A duration in milliseconds.
    ///
    /// # Errors
    /// When it has no unit or is not a duration.
    pub fn duration_ms(&self, key: &str) -> Result<i64, ConfigError> {
        parse_duration_ms(&self.text(key)).map_err(|e| self.wrong(key, &e))
    }

    /// A duration in unsigned milliseconds.
    ///
    /// # Errors
    /// As [`Config::duration_ms`].
    pub fn duration_ums(&self, key: &str) -> Result<u64, ConfigError> {
        self.duration_ms(key).map(|ms| u64::try_from(ms).unwrap_or(0))
    }

    /// A retry plan.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn plan(&self, key: &str) -> Result<RetryPlan, ConfigError> {
        self.text(key).parse().map_err(|e: String| self.wrong(key, &e))
    }

    /// All retry plans.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn plans(&self) -> Result<Plans, ConfigError> {
        Ok(Plans {
            poll: self.plan("plans.poll")?,
            unknown: self.plan("plans.unknown")?,
            close: self.plan("plans.close")?,
            watch: self.plan("plans.watch")?,
            refund: self.plan("plans.refund")?,
            refund_funds: self.plan("plans.refund_funds")?,
            webhook: self.plan("plans.webhook")?,
            failure: self.plan("plans.failure")?,
        })
    }

    /// Every key with its value and origin; passwords in URLs are covered.
    pub fn show(&self) -> Vec<(String, String, String)> {
        let shown = |key: &str, value: &Value| match value {
            Value::String(text) if key.ends_with("url") => cover_password(text),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        self.values.iter().map(|(k, (v, o))| (k.clone(), shown(k, v), o.to_string())).collect()
    }
}

/// `scheme://user:secret@host` with the secret covered.
pub fn cover_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    match rest.rsplit_once('@') {
        Some((user, host)) if user.contains(':') => {
            let name = user.split(':').next().unwrap_or_default();
            format!("{scheme}://{name}:***@{host}")
        }
        _ => url.to_owned(),
    }
}

fn flatten(text: &str, origin: &Origin) -> Result<BTreeMap<String, (Value, Origin)>, ConfigError> {
    let wrong = |problem: String| ConfigError { origin: origin.clone(), problem };
    let table: Table = text.parse().map_err(|e: toml::de::Error| wrong(e.to_string().trim().to_owned()))?;
    let mut values = BTreeMap::new();
    for (section, content) in table {
        let Value::Table(content) = content else {
            return Err(wrong(format!("`{section}` stands outside of a section such as [database]")));
        };
        for (key, value) in content {
            values.insert(format!("{section}.{key}"), (value, origin.clone()));
        }
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(file: &str, env: &[(&str, &str)], flags: &[(&str, String, &str)]) -> Result<Config, ConfigError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bursar.toml");
        std::fs::write(&path, file).unwrap();
        let env = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        Config::load(Some(&path), env, flags)
    }

    #[test]
    fn every_default_can_be_read() {
        let config = Config::load(None, std::iter::empty(), &[]).unwrap();
        config.plans().unwrap();
        crate::compose::check(&config).unwrap();
    }

    #[test]
    fn later_layers_win_and_say_where_they_stand() {
        let file = "[gateway]\nlisten = \"127.0.0.1:1\"\nmax_in_flight = 5\n";
        let env = [("BURSAR__GATEWAY__MAX_IN_FLIGHT", "6"), ("HOME", "/")];
        let flags = [("gateway.listen", "127.0.0.1:3".to_owned(), "--listen")];
        let config = load(file, &env, &flags).unwrap();
        assert_eq!(config.text("gateway.listen"), "127.0.0.1:3");
        assert_eq!(config.number::<usize>("gateway.max_in_flight", 1), Ok(6));
        let shown = config.show();
        let origin = |key: &str| shown.iter().find(|(k, _, _)| k == key).unwrap().2.clone();
        assert_eq!(origin("gateway.listen"), "flag --listen");
        assert_eq!(origin("gateway.max_in_flight"), "environment variable BURSAR__GATEWAY__MAX_IN_FLIGHT");
        assert_eq!(origin("gateway.body_limit"), "default");
    }

    #[test]
    fn an_unknown_key_is_named_with_its_layer_and_a_suggestion() {
        let error = load("[database]\nulr = \"x\"\n", &[], &[]).unwrap_err().to_string();
        assert!(
            error.contains("bursar.toml") && error.contains("`database.ulr`") && error.contains("`database.url`"),
            "{error}"
        );
        let error = load("", &[("BURSAR__GATEWAY__LISTEM", "x")], &[]).unwrap_err().to_string();
        assert!(error.contains("BURSAR__GATEWAY__LISTEM") && error.contains("`gateway.listen`"), "{error}");
    }

    #[test]
    fn wrong_types_units_and_syntax_are_named() {
        for (file, words) in [
            ("[gateway]\nmax_in_flight = \"many\"\n", "integer"),
            ("[gateway\n", "bursar.toml"),
            ("listen = \"x\"\n", "section"),
        ] {
            let error = load(file, &[], &[]).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
        let config = load("[worker]\nlease = \"30\"\n", &[], &[]).unwrap();
        let error = config.duration_ms("worker.lease").unwrap_err().to_string();
        assert!(error.contains("bursar.toml") && error.contains("`worker.lease`") && error.contains("unit"), "{error}");
    }

    #[test]
    fn passwords_are_covered() {
        assert_eq!(cover_password("postgres://bursar:hush@db/x"), "postgres://bursar:***@db/x");
        assert_eq!(cover_password("sqlite:x.db"), "sqlite:x.db");
    }
}
