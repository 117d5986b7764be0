//! What stands in the brackets of `#[tool(..)]`.

use std::time::Duration;

use proc_macro_crate::{FoundCrate, crate_name};
use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::parse::{Parse, ParseStream};
use syn::{Error, Ident, LitBool, LitInt, LitStr, Path, Token};

/// The options of one tool.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) name: Option<LitStr>,
    pub(crate) description: Option<LitStr>,
    pub(crate) krate: Option<Path>,
    timeout: Option<Duration>,
    retries: Option<usize>,
    max_concurrency: Option<usize>,
    or_else: Option<LitStr>,
    group: Option<LitStr>,
    idempotent: Option<bool>,
}

const KNOWN: &str = "`name`, `description`, `timeout`, `retries`, `max_concurrency`, `or_else`, `group`, \
                     `idempotent`, `crate`";

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut options = Self::default();
        let mut seen: Vec<String> = Vec::new();
        while !input.is_empty() {
            let is_crate = input.peek(Token![crate]);
            let key = if is_crate {
                Ident::new("crate", input.parse::<Token![crate]>()?.span)
            } else {
                input.parse::<Ident>()?
            };
            if seen.iter().any(|before| key == before) {
                return Err(Error::new(key.span(), format!("`{key}` is said twice")));
            }
            seen.push(key.to_string());
            input.parse::<Token![=]>()?;
            options.read(&key, input)?;
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(options)
    }
}

impl Options {
    fn read(&mut self, key: &Ident, input: ParseStream<'_>) -> syn::Result<()> {
        match key.to_string().as_str() {
            "name" => self.name = Some(legal_name(input.parse()?)?),
            "description" => self.description = Some(input.parse()?),
            "timeout" => self.timeout = Some(duration(&input.parse()?)?),
            "retries" => self.retries = Some(input.parse::<LitInt>()?.base10_parse()?),
            "max_concurrency" => self.max_concurrency = Some(at_least_one(&input.parse()?)?),
            "or_else" => self.or_else = Some(input.parse()?),
            "group" => self.group = Some(input.parse()?),
            "idempotent" => self.idempotent = Some(input.parse::<LitBool>()?.value),
            "crate" => self.krate = Some(input.call(Path::parse_mod_style)?),
            other => {
                return Err(Error::new(
                    key.span(),
                    format!("`{other}` is no option of a tool; there are {KNOWN}"),
                ));
            }
        }
        Ok(())
    }

    /// The path to `bedrock-llm-agent`, as whoever wrote the function has it.
    pub(crate) fn agent(&self) -> TokenStream {
        if let Some(path) = &self.krate {
            return path.to_token_stream();
        }
        let found = |found, tail: TokenStream| match found {
            // a crate's own tests and examples see it by its name
            FoundCrate::Itself => None,
            FoundCrate::Name(name) => {
                let name = format_ident!("{name}");
                Some(quote!(::#name #tail))
            }
        };
        let agent = crate_name("bedrock-llm-agent").ok().and_then(|it| found(it, quote!()));
        let facade = || crate_name("bedrock-llm").ok().and_then(|it| found(it, quote!(::agent)));
        agent.or_else(facade).unwrap_or_else(|| quote!(::bedrock_llm_agent))
    }

    /// The changes to the tool's policy.
    pub(crate) fn policy(&self, agent: &TokenStream) -> TokenStream {
        let timeout = self.timeout.map(|timeout| {
            let (seconds, nanos) = (timeout.as_secs(), timeout.subsec_nanos());
            quote!(.timeout(::core::time::Duration::new(#seconds, #nanos)))
        });
        let retry = self.retries.map(|retries| {
            let attempts = retries.saturating_add(1);
            quote!(.retry(#agent::ToolRetry::attempts(#attempts)))
        });
        let most = self.max_concurrency.map(|most| quote!(.max_concurrency(#most)));
        let fallback = self.or_else.as_ref().map(|name| quote!(.or_else(#name)));
        let group = self.group.as_ref().map(|name| quote!(.group(#name)));
        let idempotent = self.idempotent.map(|value| quote!(.idempotent(#value)));
        quote!(#agent::ToolPolicy::default() #timeout #retry #most #fallback #group #idempotent)
    }
}

fn legal_name(name: LitStr) -> syn::Result<LitStr> {
    let text = name.value();
    let is_legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if text.is_empty() || text.len() > 64 || !text.chars().all(is_legal) {
        return Err(Error::new(name.span(), "a tool's name has 1 to 64 letters, digits, `_` and `-`"));
    }
    Ok(name)
}

fn duration(text: &LitStr) -> syn::Result<Duration> {
    match humantime::parse_duration(&text.value()) {
        Ok(time) if !time.is_zero() => Ok(time),
        Ok(_) => Err(Error::new(text.span(), "a tool needs some time")),
        Err(error) => {
            Err(Error::new(text.span(), format!("no duration, such as \"5s\" or \"300ms\": {error}")))
        }
    }
}

fn at_least_one(number: &LitInt) -> syn::Result<usize> {
    match number.base10_parse()? {
        0 => Err(Error::new(number.span(), "a tool of which none may run at once cannot be called")),
        most => Ok(most),
    }
}

/// Where a message about the whole function points to.
pub(crate) fn at(span: Span, message: impl std::fmt::Display) -> Error {
    Error::new(span, message)
}
