//! The caller's layers around the client's own, erased once.

use bedrock_llm_schema::{
    ApplyGuardrailRequest, BoxError, Call, ChatRequest, ChatStreamRequest, CountTokensRequest, EmbedRequest,
    Error, ErrorKind, InvokeRequest, InvokeStreamRequest, Request, RerankRequest,
};
use tower::util::BoxCloneSyncService;
use tower::{Layer, Service, ServiceExt as _};

use super::ClientService;
use super::by_stream::ByStream;

/// The whole stack, as a service of one request type.
pub(crate) type Erased<R> = BoxCloneSyncService<Call<R>, <R as Request>::Response, Error>;

/// A request that [`Client`](crate::Client) sends: one of the service's operations, bare or as a [`Call`] with options
/// of its own. Sealed.
pub trait ClientRequest: Request + sealed::Pick {}

/// A [`Layer`] that fits around the client for every request type. Sealed: whatever fits has it.
///
/// What fits: the service it makes is `Clone + Send + Sync`, takes a [`Call`] of each request type, and answers each
/// with its own response. Its error is [`Error`], or anything that becomes a [`BoxError`], as the errors of tower's own
/// layers do. The layer is applied once; what the made service shares between clones, all request types share.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not fit around the client for every request type",
    note = "its service must be `Clone + Send + Sync + 'static` and a `Service` of `Call<R>` for R in ChatRequest, ChatStreamRequest, CountTokensRequest, ApplyGuardrailRequest, InvokeRequest, InvokeStreamRequest, EmbedRequest and RerankRequest that keeps their responses; write it for every `R: Request`"
)]
pub trait ClientLayer: sealed::Apply {}

pub(crate) mod sealed {
    use super::{Call, ClientService, Erased, Request};

    pub trait Pick: Request {
        type Bare: Request<Response = Self::Response>;

        fn into_call(self) -> Call<Self::Bare>;
        fn service(stack: &super::Stack) -> &Erased<Self::Bare>;
    }

    pub trait Apply {
        fn apply(&self, base: ClientService) -> super::Stack;
    }
}

/// What a layer's service must do for one request type.
trait Serves<R: Request>: Service<Call<R>, Response = R::Response, Error: Into<BoxError>, Future: Send> {}

impl<R, S> Serves<R> for S
where
    R: Request,
    S: Service<Call<R>, Response = R::Response, Error: Into<BoxError>, Future: Send>,
{
}

macro_rules! stack {
    ($($field:ident: $request:ty),* $(,)?) => {
        /// One erased service per request type.
        pub struct Stack {
            $( $field: Erased<$request>, )*
        }

        $(
            impl ClientRequest for $request {}
            impl sealed::Pick for $request {
                type Bare = Self;

                fn into_call(self) -> Call<Self> {
                    Call::new(self)
                }

                fn service(stack: &Stack) -> &Erased<Self> {
                    &stack.$field
                }
            }

            impl ClientRequest for Call<$request> {}
            impl sealed::Pick for Call<$request> {
                type Bare = $request;

                fn into_call(self) -> Self {
                    self
                }

                fn service(stack: &Stack) -> &Erased<$request> {
                    &stack.$field
                }
            }
        )*

        impl<L> ClientLayer for L
        where
            L: Layer<ClientService>,
            L::Service: Clone + Send + Sync + 'static $( + Serves<$request> )*,
        {
        }

        impl<L> sealed::Apply for L
        where
            L: Layer<ClientService>,
            L::Service: Clone + Send + Sync + 'static $( + Serves<$request> )*,
        {
            fn apply(&self, base: ClientService) -> Stack {
                let service = self.layer(base);
                Stack { $( $field: erase::<$request, _>(service.clone()), )* }
            }
        }
    };
}

stack! {
    chat: ChatRequest,
    chat_stream: ChatStreamRequest,
    count_tokens: CountTokensRequest,
    apply_guardrail: ApplyGuardrailRequest,
    invoke: InvokeRequest,
    invoke_stream: InvokeStreamRequest,
    embed: EmbedRequest,
    rerank: RerankRequest,
}

impl Stack {
    /// Lets whole answers come by way of streams.
    pub(super) fn chat_by_stream(&mut self) {
        self.chat = BoxCloneSyncService::new(ByStream(self.chat_stream.clone()));
    }
}

impl std::fmt::Debug for Stack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stack").finish_non_exhaustive()
    }
}

fn erase<R, S>(service: S) -> Erased<R>
where
    R: Request,
    S: Serves<R> + Clone + Send + Sync + 'static,
{
    BoxCloneSyncService::new(service.map_err(|error| settle::<R>(error.into())))
}

/// Our own error as it is; a foreign layer's by what it is.
fn settle<R: Request>(error: BoxError) -> Error {
    match error.downcast::<Error>() {
        Ok(own) => *own,
        Err(foreign) => {
            let (kind, message) = if foreign.is::<tower::timeout::error::Elapsed>() {
                (ErrorKind::Timeout, "a timeout layer gave up waiting".to_owned())
            } else {
                (ErrorKind::Unexpected, format!("a layer failed: {foreign}"))
            };
            Error::new(kind, message).with_operation_if_none(R::OPERATION).with_source(foreign)
        }
    }
}
