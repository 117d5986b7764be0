//! From settings to an SDK client: region, identity, timeouts, pool.

use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::sts::AssumeRoleProvider;
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_sdk_bedrockruntime::config::{
    Builder, Region, SharedHttpClient, StalledStreamProtectionConfig, Token, retry::RetryConfig,
    timeout::TimeoutConfig,
};
use aws_smithy_http_client::tls;
use aws_smithy_runtime_api::client::auth::AuthSchemeId;
use aws_smithy_runtime_api::client::auth::http::HTTP_BEARER_AUTH_SCHEME_ID;
use aws_types::SdkConfig;
use aws_types::os_shim_internal::{Env, Fs};
use bedrock_llm_schema::{Error, ErrorKind};

use super::settings::{Keys, Settings};
use crate::transport::{Agent, NoAgent, REGION_HINT, Sdk};

/// What holds for the configuration of either SDK, given clients too: timeouts, and nobody who retries.
macro_rules! tuned {
    ($config:expr, $settings:expr) => {{
        let mut config = $config;
        // one authority retries, and it is not the SDK; its stalled-stream protection fires while a model thinks
        // (awslabs/aws-sdk-rust#1287), so ours watches the streams
        config = config
            .retry_config(RetryConfig::disabled())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        let known = config.clone().build();
        config.set_timeout_config(Some($settings.timeouts(known.timeout_config())));
        config
    }};
}

/// Where the builder says calls go, and over which connections.
macro_rules! directed {
    ($config:expr, $settings:expr, $pool:expr) => {{
        let mut config = $config;
        if let Some(url) = &$settings.endpoint_url {
            config = config.endpoint_url(url);
        }
        if let Some(http_client) = $pool {
            config.set_http_client(Some(http_client.clone()));
        }
        config
    }};
}

/// The behaviour this crate is tested with; newer ones are taken up on purpose.
fn behavior() -> BehaviorVersion {
    BehaviorVersion::v2026_01_12()
}

const SIGV4: AuthSchemeId = AuthSchemeId::new("sigv4");

/// Where an unfinished search for credentials counts as none found.
const CREDENTIALS_SEARCH: Duration = Duration::from_secs(5);

impl Settings {
    /// The transport these settings make.
    pub(super) async fn connect(&self) -> Result<Sdk, Error> {
        self.check()?;
        if let Some(name) = &self.profile {
            check_profile(name, &Fs::real(), &Env::real()).await?;
        }
        let (config, shared) = match &self.sdk_client {
            Some(client) => (client.config().to_builder(), None),
            None => {
                let shared = self.identify().await;
                (self.authorized(Builder::from(&shared)), Some(shared))
            }
        };
        let pool = self.pool();
        let config = tuned!(directed!(config, self, &pool), self);
        let known = config.clone().build();
        let Some(region) = known.region().filter(|region| !region.as_ref().is_empty()) else {
            return Err(Error::new(ErrorKind::MissingRegion, "no region was given").with_hint(REGION_HINT));
        };
        let agent = self.agent(shared.as_ref(), region, pool.as_ref());
        Ok(Sdk::new(config, agent, self.endpoint_url.clone()))
    }

    #[cfg(not(feature = "agent-runtime"))]
    fn agent(
        &self,
        _shared: Option<&SdkConfig>,
        _region: &Region,
        _pool: Option<&SharedHttpClient>,
    ) -> Result<Agent, NoAgent> {
        Err(NoAgent::NotBuilt)
    }

    /// Who calls bedrock-agent-runtime: as whom bedrock-runtime is called, or a client of its own.
    #[cfg(feature = "agent-runtime")]
    fn agent(
        &self,
        shared: Option<&SdkConfig>,
        region: &Region,
        pool: Option<&SharedHttpClient>,
    ) -> Result<Agent, NoAgent> {
        use aws_sdk_bedrockagentruntime::config::Builder;

        let (config, endpoint): (Builder, _) = match (&self.agent_sdk_client, shared) {
            // the builder's endpoint and connections are bedrock-runtime's then
            (Some(client), _) => (client.config().to_builder(), None),
            (None, _) if self.api_key.is_some() => return Err(NoAgent::ApiKey),
            (None, Some(shared)) => (directed!(Builder::from(shared), self, pool), self.endpoint_url.clone()),
            (None, None) => return Err(NoAgent::Given),
        };
        Ok(Agent::new(tuned!(config.region(region.clone()), self), endpoint))
    }

    /// Whether an identity is given or can be found.
    pub(super) async fn has_credentials(&self) -> bool {
        if self.keys.is_some() || self.api_key.is_some() || self.sdk_client.is_some() {
            return true;
        }
        if bearer_in_environment() {
            return true;
        }
        let config = self.load().await;
        let Some(provider) = config.credentials_provider() else { return false };
        let search = tokio::time::timeout(CREDENTIALS_SEARCH, provider.provide_credentials());
        matches!(search.await, Ok(Ok(_)))
    }

    /// Bedrock-runtime's own: by the API key, if there is one, or signed in spite of one in the environment.
    fn authorized(&self, config: Builder) -> Builder {
        match &self.api_key {
            Some(key) => config
                .bearer_token(Token::new(key, None))
                .auth_scheme_preference([HTTP_BEARER_AUTH_SCHEME_ID]),
            None if self.must_prefer_signing(bearer_in_environment()) => {
                config.auth_scheme_preference([SIGV4])
            }
            None => config,
        }
    }

    /// Who calls, and where to; but for an API key.
    async fn identify(&self) -> SdkConfig {
        let shared = self.load().await;
        let mut config = shared.to_builder();
        if shared.behavior_version().is_none() {
            config = config.behavior_version(behavior());
        }
        if let Some(role) = &self.assume_role {
            let mut provider = AssumeRoleProvider::builder(&role.arn)
                .session_name(role.session_name.as_deref().unwrap_or("bedrock-llm"))
                .configure(&shared);
            if let Some(id) = &role.external_id {
                provider = provider.external_id(id);
            }
            let provider = Box::pin(provider.build()).await;
            config = config.credentials_provider(SharedCredentialsProvider::new(provider));
        }
        config.build()
    }

    /// Whether the SDK has to be told to sign: what the program says goes before a key in the environment. Only
    /// then, since a preference costs every call 4 µs (`cargo xtask bench chat`).
    fn must_prefer_signing(&self, bearer_in_environment: bool) -> bool {
        bearer_in_environment && (self.keys.is_some() || self.assume_role.is_some())
    }

    /// The shared configuration: the caller's, or that of the environment, with what the builder was told.
    async fn load(&self) -> SdkConfig {
        let region = self.region.clone().map(Region::new);
        let keys = self.keys.as_ref().map(|keys| SharedCredentialsProvider::new(keys.to_credentials()));
        if let Some(config) = &self.sdk_config {
            let mut config = config.to_builder();
            if let Some(region) = region {
                config = config.region(region);
            }
            if let Some(keys) = keys {
                config = config.credentials_provider(keys);
            }
            return config.build();
        }
        let mut loader = aws_config::defaults(behavior());
        if let Some(profile) = &self.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(region) = region {
            loader = loader.region(region);
        }
        if let Some(keys) = keys {
            loader = loader.credentials_provider(keys);
        }
        // boxed, since the search for configuration is a large future and would make every caller's one
        Box::pin(loader.load()).await
    }

    /// Ours where they are set, else those of the given configuration. How long a call may take in all is a matter of our
    /// layers; what the given configuration says of it holds for each attempt.
    fn timeouts(&self, known: Option<&TimeoutConfig>) -> TimeoutConfig {
        let known = known.cloned().unwrap_or_else(|| TimeoutConfig::builder().build());
        let mut timeouts = known.to_builder();
        timeouts.set_connect_timeout(self.connect_timeout.or(known.connect_timeout()));
        timeouts.set_read_timeout(self.read_timeout.or(known.read_timeout()));
        timeouts.build()
    }

    /// A connection pool of its own, if it is to differ from the SDK's.
    fn pool(&self) -> Option<SharedHttpClient> {
        if self.pool_idle_timeout.is_none() && self.pool_max_idle_per_host.is_none() {
            return None;
        }
        let mut pool = aws_smithy_http_client::Builder::new();
        if let Some(after) = self.pool_idle_timeout {
            pool = pool.pool_idle_timeout(after);
        }
        if let Some(most) = self.pool_max_idle_per_host {
            pool = pool.pool_max_idle_per_host(most);
        }
        Some(pool.tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc)).build_https())
    }
}

/// The SDK takes a profile that does not exist for one without settings, and looks for credentials elsewhere.
async fn check_profile(name: &str, fs: &Fs, env: &Env) -> Result<(), Error> {
    let usual_places = Default::default();
    // boxed, since the future is large
    let load = Box::pin(aws_config::profile::load(fs, env, &usual_places, None));
    let known = load.await.map_err(|error| {
        Error::new(
            ErrorKind::Config,
            format!("the profile `{name}` cannot be read: ~/.aws/config or credentials is damaged"),
        )
        .with_source(error)
    })?;
    if known.get_profile(name).is_some() {
        return Ok(());
    }
    let mut names: Vec<_> = known.profiles().collect();
    names.sort_unstable();
    let hint = if names.is_empty() {
        "there is no profile at all: make one with `aws configure sso`, or leave `profile` out".to_owned()
    } else {
        format!("there are {}; make others with `aws configure sso`", names.join(", "))
    };
    Err(Error::new(
        ErrorKind::Config,
        format!("the profile `{name}` does not exist in ~/.aws/config or ~/.aws/credentials"),
    )
    .with_hint(hint))
}

/// Whether the SDK would take up a Bedrock API key by itself.
fn bearer_in_environment() -> bool {
    std::env::var("AWS_BEARER_TOKEN_BEDROCK").is_ok_and(|token| !token.trim().is_empty())
}

impl Keys {
    fn to_credentials(&self) -> Credentials {
        let Self { access_key_id, secret_access_key, session_token } = self.clone();
        Credentials::new(access_key_id, secret_access_key, session_token, None, "bedrock-llm")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_default_stops_a_model_that_thinks() {
        let timeouts = Settings::default().timeouts(None);
        assert_eq!(timeouts.read_timeout(), None);
        assert_eq!(timeouts.operation_attempt_timeout(), None);
        assert_eq!(timeouts.operation_timeout(), None);
    }

    #[test]
    fn the_builder_goes_before_the_given_configuration() {
        let given = TimeoutConfig::builder()
            .read_timeout(Duration::from_secs(1))
            .operation_timeout(Duration::from_secs(2))
            .connect_timeout(Duration::from_secs(3))
            .build();
        let settings = Settings { read_timeout: Some(Duration::from_secs(9)), ..Settings::default() };
        let timeouts = settings.timeouts(Some(&given));
        assert_eq!(timeouts.read_timeout(), Some(Duration::from_secs(9)));
        assert_eq!(timeouts.operation_timeout(), Some(Duration::from_secs(2)));
        assert_eq!(timeouts.connect_timeout(), Some(Duration::from_secs(3)));
    }

    #[tokio::test]
    async fn a_profile_that_does_not_exist_is_named() {
        let env = Env::from_slice(&[("HOME", "/home/ada")]);
        let file = "[default]\nregion = us-east-1\n[profile work]\nregion = eu-west-1\n";
        let fs = Fs::from_slice(&[("/home/ada/.aws/config", file)]);
        assert!(check_profile("work", &fs, &env).await.is_ok());
        let error = check_profile("nosuch", &fs, &env).await.unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Config);
        assert!(error.message().contains("`nosuch` does not exist"), "{error}");
        assert!(error.hint().is_some_and(|hint| hint.contains("default, work")), "{error}");
        let error = check_profile("nosuch", &Fs::from_slice(&[]), &env).await.unwrap_err();
        assert!(error.hint().is_some_and(|hint| hint.contains("no profile at all")), "{error}");
        let damaged = Fs::from_slice(&[("/home/ada/.aws/config", "[default\n")]);
        assert_eq!(check_profile("work", &damaged, &env).await.unwrap_err().kind(), &ErrorKind::Config);
    }

    #[tokio::test]
    async fn nothing_is_connected_with_an_unknown_profile() {
        let name = "bedrock-llm-test-no-such-profile";
        let settings = Settings { profile: Some(name.to_owned()), ..Settings::default() };
        let error = settings.connect().await.unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Config);
        assert!(error.message().contains(name), "{error}");
    }

    #[tokio::test]
    async fn a_missing_region_says_what_to_do() {
        let config = SdkConfig::builder().behavior_version(behavior()).build();
        let settings = Settings { sdk_config: Some(config), ..Settings::default() };
        let error = settings.connect().await.unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::MissingRegion);
        assert!(error.to_string().contains("AWS_REGION"), "{error}");
    }

    #[tokio::test]
    async fn what_the_builder_says_about_identity_goes_before_the_environment() {
        let config =
            SdkConfig::builder().behavior_version(behavior()).region(Region::new("us-east-1")).build();
        let keys = Keys { access_key_id: "a".into(), secret_access_key: "b".into(), session_token: None };
        let with_keys =
            Settings { sdk_config: Some(config.clone()), keys: Some(keys), ..Settings::default() };
        assert!(with_keys.must_prefer_signing(true) && !with_keys.must_prefer_signing(false));
        let with_token =
            Settings { sdk_config: Some(config), api_key: Some("k".into()), ..Settings::default() };
        let identified = with_token.authorized(Builder::from(&with_token.identify().await));
        assert_eq!(identified.build().auth_scheme_preference(), Some(&[HTTP_BEARER_AUTH_SCHEME_ID].into()));
        assert!(with_token.has_credentials().await);
    }
}
