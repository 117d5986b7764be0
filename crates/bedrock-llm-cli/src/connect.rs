//! Where the command's calls go: to AWS, or to the embedded local endpoint.

use anyhow::Context as _;
use bedrock_llm_client::{ApiMode, Client};
use bedrock_llm_local::LocalBedrock;

/// Where calls go.
#[derive(clap::Args)]
pub(crate) struct Connection {
    /// Talk to the embedded local endpoint instead of AWS. Chosen by itself where no AWS credentials are found.
    #[arg(long)]
    local: bool,
    /// AWS region [default: that of the environment or profile]
    #[arg(long)]
    region: Option<String>,
    /// AWS profile [default: that of the environment]
    #[arg(long)]
    profile: Option<String>,
    /// Address of an endpoint that speaks Bedrock's protocol, such as <http://127.0.0.1:8080>.
    #[arg(long, conflicts_with = "local")]
    endpoint_url: Option<String>,
    /// Which of Bedrock's two APIs to use.
    #[arg(long, value_enum, default_value_t = Api::Auto)]
    api: Api,
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
    /// Whether answers come from the local endpoint.
    pub(crate) fn is_local(&self) -> bool {
        self.local.is_some()
    }
}

impl Connection {
    pub(crate) async fn open(&self) -> anyhow::Result<Connected> {
        if self.local {
            return self.open_local("--local").await;
        }
        let mut builder = Client::builder().api_mode(self.api_mode());
        if let Some(region) = &self.region {
            builder = builder.region(region);
        }
        if let Some(profile) = &self.profile {
            builder = builder.profile(profile);
        }
        if let Some(url) = &self.endpoint_url {
            builder = builder.endpoint_url(url);
        }
        if self.profile.is_none() && self.endpoint_url.is_none() && !builder.has_credentials().await {
            return self.open_local("no AWS credentials found").await;
        }
        Ok(Connected { client: builder.build().await?, local: None })
    }

    async fn open_local(&self, why: &str) -> anyhow::Result<Connected> {
        let local = LocalBedrock::start().await.context("the local endpoint could not be started")?;
        eprintln!(
            "Using the local endpoint ({why}): rule-based answers, no language model. For real ones, give AWS \
             credentials (`aws configure sso`, AWS_PROFILE or AWS_BEARER_TOKEN_BEDROCK), a region (AWS_REGION), and \
             leave --local out."
        );
        let client = Client::builder()
            .region("us-east-1")
            .credentials("local", "local", None)
            .endpoint_url(local.endpoint())
            .api_mode(self.api_mode())
            .build()
            .await?;
        Ok(Connected { client, local: Some(local) })
    }

    fn api_mode(&self) -> ApiMode {
        match self.api {
            Api::Auto => ApiMode::Auto,
            Api::Converse => ApiMode::Converse,
            Api::Invoke => ApiMode::Invoke,
        }
    }
}
