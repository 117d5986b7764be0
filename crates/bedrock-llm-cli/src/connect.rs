//! Where the command's calls go: to AWS, or to the embedded local endpoint.

use std::net::IpAddr;

use anyhow::Context as _;
use bedrock_llm_client::{ApiMode, Client, ClientConfig};
use bedrock_llm_local::LocalBedrock;

/// Where calls go.
#[derive(clap::Args)]
pub(crate) struct Connection {
    /// Talk to the embedded local endpoint instead of AWS. Chosen by itself where no AWS credentials are found.
    #[arg(long)]
    local: bool,
    /// AWS region [default: that of the environment or profile]
    #[arg(long, conflicts_with = "local")]
    region: Option<String>,
    /// AWS profile [default: that of the environment]
    #[arg(long, conflicts_with = "local")]
    profile: Option<String>,
    /// Address of an endpoint that speaks Bedrock's protocol, such as `http://127.0.0.1:8080`.
    #[arg(long, conflicts_with = "local")]
    endpoint_url: Option<String>,
    /// Whether the local endpoint is used only with `--local`. For commands whose answers are kept.
    #[arg(skip)]
    pub(crate) only_as_told: bool,
}

/// Which API chats use.
#[derive(clap::Args)]
pub(crate) struct ApiChoice {
    /// Which of Bedrock's two APIs to use [default: auto]
    #[arg(long, value_enum)]
    api: Option<Api>,
}

impl ApiChoice {
    /// Puts the flag over the configuration.
    pub(crate) fn put_into(&self, config: &mut ClientConfig) {
        let settings = &mut config.client;
        settings.api_mode = self.api.map(ApiMode::from).or(settings.api_mode);
    }
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Api {
    /// Converse where the model has it.
    Auto,
    /// One form for all models.
    Converse,
    /// Each model's native form.
    Invoke,
}

/// A client, and the local endpoint behind it if there is one.
pub(crate) struct Connected {
    pub(crate) client: Client,
    local: Option<LocalBedrock>,
}

impl Connected {
    /// Over a client that a test has made.
    #[cfg(test)]
    pub(crate) fn over(client: Client) -> Self {
        Self { client, local: None }
    }

    /// Whether answers come from the local endpoint.
    pub(crate) fn is_local(&self) -> bool {
        self.local.is_some()
    }
}

impl Connection {
    /// Connects, with the flags over the configuration.
    pub(crate) async fn open(&self, config: &ClientConfig) -> anyhow::Result<Connected> {
        let mut config = config.clone();
        let settings = &mut config.client;
        if self.local {
            return open_local(config, "--local").await;
        }
        let given = [
            (&mut settings.region, &self.region),
            (&mut settings.profile, &self.profile),
            (&mut settings.endpoint_url, &self.endpoint_url),
        ];
        for (setting, flag) in given {
            if flag.is_some() {
                setting.clone_from(flag);
            }
        }
        let has_region = settings.region.is_some();
        let endpoint_url = settings.endpoint_url.clone();
        let is_named = settings.profile.is_some() || environment_names_a_place();
        let mut builder = Client::builder().config(config.clone());
        let told = is_named || builder.has_credentials().await;
        match &endpoint_url {
            _ if told => {}
            // `bedrock-llm local` and its like on this machine want no secrets
            Some(url) if is_on_this_machine(url) => {
                eprintln!("No AWS credentials found: signing for {url} with made-up ones.");
                builder = builder.credentials(LOCAL_KEY, LOCAL_KEY, None);
                if !has_region {
                    builder = builder.region(LOCAL_REGION);
                }
            }
            Some(_) => {}
            None if self.only_as_told => {
                anyhow::bail!(
                    "no AWS credentials found: log in (`aws configure sso`), or give --local for made-up answers"
                )
            }
            None => return open_local(config, "no AWS credentials found").await,
        }
        Ok(Connected { client: builder.build().await?, local: None })
    }
}

impl From<Api> for ApiMode {
    fn from(api: Api) -> Self {
        match api {
            Api::Auto => Self::Auto,
            Api::Converse => Self::Converse,
            Api::Invoke => Self::Invoke,
        }
    }
}

/// What signs calls to this machine, where nobody checks.
const LOCAL_KEY: &str = "local";
const LOCAL_REGION: &str = "us-east-1";

async fn open_local(mut config: ClientConfig, why: &str) -> anyhow::Result<Connected> {
    let local = LocalBedrock::start().await.context("the local endpoint could not be started")?;
    eprintln!(
        "Using the local endpoint ({why}): rule-based answers, no language model. For real ones, give AWS \
         credentials (`aws configure sso`, AWS_PROFILE or AWS_BEARER_TOKEN_BEDROCK), a region (AWS_REGION), and \
         leave --local out."
    );
    // a profile's credentials are not for it
    config.client.profile = None;
    let builder = Client::builder().config(config);
    let builder = builder.region(LOCAL_REGION).credentials(LOCAL_KEY, LOCAL_KEY, None);
    let client = builder.endpoint_url(local.endpoint()).build().await?;
    Ok(Connected { client, local: Some(local) })
}

/// Whether the environment says whose account or which endpoint to use. If that then fails, the failure is the
/// answer, and not somebody else's words.
fn environment_names_a_place() -> bool {
    ["AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME"]
        .iter()
        .any(|name| std::env::var(name).is_ok_and(|value| !value.trim().is_empty()))
}

fn is_on_this_machine(url: &str) -> bool {
    let rest = url.split("://").nth(1).unwrap_or_default();
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::is_on_this_machine;

    #[test]
    fn only_this_machine_is_this_machine() {
        for url in ["http://127.0.0.1:8080", "http://localhost", "http://LOCALHOST:1/x", "http://[::1]:8080/"]
        {
            assert!(is_on_this_machine(url), "{url}");
        }
        for url in
            ["http://localhost.example.com", "http://127.example.com:80", "https://10.0.0.1", "nonsense"]
        {
            assert!(!is_on_this_machine(url), "{url}");
        }
    }
}
