//! An MCP server with tools that behave in every way a client should bear: over stdio, or over HTTP with the argument
//! `http`, when it prints its URL. The argument `bad-schema` adds a tool whose schema is none.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ErrorData, Implementation,
    ListToolsResult, PaginatedRequestParams, ResourceContents, ServerCapabilities, ServerConfig,
    SubscriptionFilter, Tool, ToolAnnotations,
};
use rmcp::service::{RequestContext, SubscriptionContext};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{RoleServer, ServerHandler, ServiceExt as _};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// Two by two pixels, grey.
const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAAAAABX3VL4AAAADklEQVR4nGNoYGBoAAABhACBH6Q1SwAAAABJRU5ErkJggg==";
/// As many tools are on a page of the list.
const PAGE: usize = 4;

#[derive(Clone, Default)]
struct Server(Arc<State>);

#[derive(Default)]
struct State {
    count: AtomicUsize,
    hung: AtomicUsize,
    cancelled: AtomicUsize,
    has_grown: AtomicBool,
    grew: Notify,
    has_bad_schema: bool,
}

fn tool(name: &str, schema: Value) -> Tool {
    let Value::Object(schema) = schema else { unreachable!("schemas here are objects") };
    Tool::new(name.to_owned(), format!("Does what `{name}` says."), schema)
}

impl Server {
    fn tools(&self) -> Vec<Tool> {
        let number = json!({"type": "number"});
        let sum = json!({"type": "object", "properties": {"a": number, "b": number}, "required": ["a", "b"]});
        let nothing = || json!({"type": "object"});
        let mut tools = vec![
            tool("add", sum).with_annotations(ToolAnnotations::new().read_only(true)),
            tool("counter.increment", nothing()),
            tool("counter/reset", json!({})).with_annotations(ToolAnnotations::new().idempotent(true)),
            tool(&format!("{}/header", "deeply/nested/".repeat(5)), json!({"properties": null})),
            tool("fail", nothing()),
            tool("refuse", nothing()),
            tool("show", nothing()),
            tool("hang", nothing()),
            tool("hang_long", nothing()),
            tool("hung", nothing()),
            tool("die", nothing()),
            tool("grow", nothing()),
        ];
        if self.0.has_grown.load(Ordering::Relaxed) {
            tools.push(tool("grown", nothing()));
        }
        if self.0.has_bad_schema {
            tools.push(tool("odd", json!({"type": "string"})));
        }
        tools
    }

    async fn answer(
        &self,
        name: &str,
        arguments: &Map<String, Value>,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallToolResult, ErrorData> {
        let text = |text: String| CallToolResult::success(vec![ContentBlock::text(text)]);
        Ok(match name {
            "add" => {
                let number = |name: &str| arguments.get(name).and_then(Value::as_f64).unwrap_or(f64::NAN);
                CallToolResult::structured(json!({"sum": number("a") + number("b")}))
            }
            "counter.increment" => text(format!("{}", self.0.count.fetch_add(1, Ordering::Relaxed) + 1)),
            "counter/reset" => text(format!("it was {}", self.0.count.swap(0, Ordering::Relaxed))),
            name if name.ends_with("/header") => {
                let parts = context.extensions.get::<http::request::Parts>();
                let header = |name| Some(parts?.headers.get(name)?.to_str().ok()?.to_owned());
                text(format!("{:?} {:?}", header("x-team"), header("authorization")))
            }
            "fail" => CallToolResult::error(vec![ContentBlock::text("there is no such city")]),
            "refuse" => return Err(ErrorData::invalid_params("this is never right", None)),
            "show" => CallToolResult::success(vec![
                ContentBlock::text("a picture and a note:"),
                ContentBlock::image(PNG, "image/png"),
                ContentBlock::resource(ResourceContents::text("remember", "note://1")),
            ]),
            "hang" | "hang_long" => {
                self.0.hung.fetch_add(1, Ordering::Relaxed);
                context.ct.cancelled().await;
                self.0.cancelled.fetch_add(1, Ordering::Relaxed);
                text("nobody hears this".to_owned())
            }
            "hung" => {
                let [hung, cancelled] =
                    [&self.0.hung, &self.0.cancelled].map(|count| count.load(Ordering::Relaxed));
                text(format!("{hung} hung, {cancelled} cancelled"))
            }
            "die" => std::process::exit(3),
            "grow" => {
                self.0.has_grown.store(true, Ordering::Relaxed);
                self.0.grew.notify_waiters();
                // a client that has opened with `server/discover` hears it by its subscription
                let _ = context.peer.notify_tool_list_changed().await;
                text("grown".to_owned())
            }
            "grown" => text("here".to_owned()),
            _ => return Err(ErrorData::invalid_params(format!("Unknown tool: {name}"), None)),
        })
    }
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder().enable_tools().enable_tool_list_changed().build();
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new("workshop", "1.0.0"))
            .with_instructions("Add before you count.")
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let start = request.and_then(|request| request.cursor?.parse().ok()).unwrap_or(0);
        let tools = self.tools();
        let page = tools.iter().skip(start).take(PAGE).cloned().collect();
        let mut result = ListToolsResult::with_all_items(page);
        result.next_cursor = (start + PAGE < tools.len()).then(|| (start + PAGE).to_string());
        Ok(result)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let arguments = request.arguments.unwrap_or_default();
        self.answer(&request.name, &arguments, &context).await.map(CallToolResponse::Complete)
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(requested.supported_by(&self.get_info().capabilities))
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        loop {
            tokio::select! {
                () = self.0.grew.notified() => {
                    let _ = context.sink().notify_tool_list_changed().await;
                }
                () = context.cancelled() => return Ok(()),
            }
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let asked = |what: &str| std::env::args().any(|argument| argument == what);
    let server = Server(Arc::new(State { has_bad_schema: asked("bad-schema"), ..State::default() }));
    if asked("http") {
        return serve(server).await;
    }
    server.serve(rmcp::transport::stdio()).await?.waiting().await?;
    Ok(())
}

async fn serve(server: Server) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}/mcp", listener.local_addr()?);
    // clients take a stream that broke off up again soon
    let soon = Some(Duration::from_millis(20));
    let mut sessions = LocalSessionManager::default();
    sessions.session_config.sse_retry = soon;
    let config = StreamableHttpServerConfig::default().with_sse_retry(soon);
    let service = StreamableHttpService::new(move || Ok(server.clone()), Arc::new(sessions), config);
    loop {
        let (stream, _) = listener.accept().await?;
        let service = service.clone();
        let answer = service_fn(move |request| {
            let service = service.clone();
            async move { Ok::<_, std::convert::Infallible>(service.handle(request).await) }
        });
        tokio::spawn(async move {
            let connection = auto::Builder::new(TokioExecutor::new());
            if let Err(error) = connection.serve_connection(TokioIo::new(stream), answer).await {
                eprintln!("connection ended: {error}");
            }
        });
    }
}
