//! What the builder was told, checked as a whole before anything is connected.

use std::time::Duration;

use aws_types::SdkConfig;
use bedrock_llm_schema::{Error, ErrorKind};

/// Where calls go and who makes them.
#[derive(Default, Clone)]
pub(super) struct Settings {
    pub(super) region: Option<String>,
    pub(super) profile: Option<String>,
    pub(super) endpoint_url: Option<String>,
    pub(super) assume_role: Option<AssumeRole>,
    pub(super) keys: Option<Keys>,
    pub(super) api_key: Option<String>,
    pub(super) sdk_config: Option<SdkConfig>,
    pub(super) sdk_client: Option<aws_sdk_bedrockruntime::Client>,
    #[cfg(feature = "agent-runtime")]
    pub(super) agent_sdk_client: Option<aws_sdk_bedrockagentruntime::Client>,
    pub(super) connect_timeout: Option<Duration>,
    pub(super) read_timeout: Option<Duration>,
    pub(super) pool_idle_timeout: Option<Duration>,
    pub(super) pool_max_idle_per_host: Option<usize>,
}

#[derive(Clone)]
pub(super) struct AssumeRole {
    pub(super) arn: String,
    pub(super) session_name: Option<String>,
    pub(super) external_id: Option<String>,
}

#[derive(Clone)]
pub(super) struct Keys {
    pub(super) access_key_id: String,
    pub(super) secret_access_key: String,
    pub(super) session_token: Option<String>,
}

impl Settings {
    /// Finds the first setting that cannot work.
    pub(super) fn check(&self) -> Result<(), Error> {
        let durations = [
            ("connect_timeout", self.connect_timeout),
            ("read_timeout", self.read_timeout),
            ("pool_idle_timeout", self.pool_idle_timeout),
        ];
        if let Some((name, _)) =
            durations.iter().find(|(_, value)| value.is_some_and(|value| value.is_zero()))
        {
            return Err(bad(name, "zero would fail every call; leave it out instead"));
        }
        if let Some(region) = &self.region {
            check_region(region)?;
        }
        if let Some(url) = &self.endpoint_url {
            check_url(url)?;
        }
        let texts = [
            ("profile", self.profile.as_deref()),
            ("api_key", self.api_key.as_deref()),
            ("assume_role", self.assume_role.as_ref().map(|role| role.arn.as_str())),
            (
                "assume_role session name",
                self.assume_role.as_ref().and_then(|role| role.session_name.as_deref()),
            ),
            (
                "assume_role external id",
                self.assume_role.as_ref().and_then(|role| role.external_id.as_deref()),
            ),
            ("credentials", self.keys.as_ref().map(|keys| keys.access_key_id.as_str())),
            ("credentials", self.keys.as_ref().map(|keys| keys.secret_access_key.as_str())),
        ];
        if let Some((name, _)) =
            texts.iter().find(|(_, text)| text.is_some_and(|text| text.trim().is_empty()))
        {
            return Err(bad(name, "it is empty"));
        }
        if self.assume_role.as_ref().is_some_and(|role| !role.arn.starts_with("arn:")) {
            return Err(bad(
                "assume_role",
                "it wants a role's ARN, such as arn:aws:iam::123456789012:role/name",
            ));
        }
        self.check_company()
    }

    /// Settings that contradict each other: one of them would be ignored without a word.
    fn check_company(&self) -> Result<(), Error> {
        let given = |name: &'static str, is: bool| is.then_some(name);
        let identities = [
            given("credentials", self.keys.is_some()),
            given("assume_role", self.assume_role.is_some()),
            given("profile", self.profile.is_some()),
        ];
        let first = |names: &[Option<&'static str>]| names.iter().copied().flatten().next();
        if self.api_key.is_some()
            && let Some(name) = first(identities.get(..2).unwrap_or_default())
        {
            return Err(bad("api_key", &format!("it goes without `{name}`: choose one")));
        }
        if self.sdk_client.is_some() {
            let others = [
                given("sdk_config", self.sdk_config.is_some()),
                given("api_key", self.api_key.is_some()),
                given("region", self.region.is_some()),
            ];
            if let Some(name) = first(&others).or_else(|| first(&identities)) {
                return Err(bad(name, "the client given by `sdk_client` has its own"));
            }
        }
        if self.sdk_config.is_some() && self.profile.is_some() {
            return Err(bad("profile", "the config given by `sdk_config` has its own"));
        }
        Ok(())
    }
}

pub(super) fn bad(setting: &str, why: &str) -> Error {
    Error::new(ErrorKind::Config, format!("setting `{setting}` cannot work: {why}"))
}

fn check_region(region: &str) -> Result<(), Error> {
    let is_name = |text: &str| text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if region.is_empty() || !is_name(region) {
        return Err(bad("region", &format!("`{region}` is no region's name, such as us-east-1")));
    }
    Ok(())
}

fn check_url(url: &str) -> Result<(), Error> {
    let parsed =
        url.parse::<http::Uri>().map_err(|error| bad("endpoint_url", &format!("`{url}`: {error}")))?;
    if !matches!(parsed.scheme_str(), Some("http" | "https")) || parsed.host().is_none_or(str::is_empty) {
        return Err(bad("endpoint_url", &format!("`{url}` is no URL such as http://127.0.0.1:8080")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(settings: &Settings) -> String {
        let error = settings.check().unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Config);
        error.message().to_owned()
    }

    #[test]
    fn a_bad_setting_is_named() {
        assert!(Settings::default().check().is_ok());
        let zero = Settings { read_timeout: Some(Duration::ZERO), ..Settings::default() };
        assert!(complaint(&zero).contains("`read_timeout`"));
        for url in ["127.0.0.1:80", "ftp://x", "", "http://", "no url"] {
            let settings = Settings { endpoint_url: Some(url.to_owned()), ..Settings::default() };
            assert!(complaint(&settings).contains("`endpoint_url`"), "{url}");
        }
        let region = Settings { region: Some("US East".to_owned()), ..Settings::default() };
        assert!(complaint(&region).contains("`region`"));
        let empty = Settings { api_key: Some(" ".to_owned()), ..Settings::default() };
        assert!(complaint(&empty).contains("`api_key`"));
        let role = AssumeRole { arn: "role/x".to_owned(), session_name: None, external_id: None };
        assert!(
            complaint(&Settings { assume_role: Some(role), ..Settings::default() }).contains("`assume_role`")
        );
    }

    #[test]
    fn contradictions_are_named() {
        let keys = Keys { access_key_id: "a".into(), secret_access_key: "b".into(), session_token: None };
        let both = Settings { api_key: Some("k".into()), keys: Some(keys), ..Settings::default() };
        assert!(complaint(&both).contains("`credentials`"));
        let config = SdkConfig::builder().build();
        let both = Settings { sdk_config: Some(config), profile: Some("p".into()), ..Settings::default() };
        assert!(complaint(&both).contains("`profile`"));
    }
}
