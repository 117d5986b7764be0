//! Servers that answer oddly, over a pipe within the process.

use rmcp::model::{ErrorData, ListToolsResult, ServerCapabilities, ServerConfig, Tool};
use rmcp::service::RequestContext;
use rmcp::{RoleServer, ServerHandler, ServiceExt as _};
use serde_json::json;

use super::*;
use crate::mcp::connection::Opening;

/// How a server lists its tools.
#[derive(Clone)]
enum Odd {
    /// These, by what JSON has of each.
    Tools(Value),
    /// With one more page each time, which is the same.
    Endless,
    /// Never.
    Silent,
}

impl ServerHandler for Odd {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn list_tools(
        &self,
        _request: Option<rmcp::model::PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        match self {
            Self::Tools(tools) => {
                let tools: Vec<Tool> = serde_json::from_value(tools.clone()).unwrap();
                Ok(ListToolsResult::with_all_items(tools))
            }
            Self::Endless => {
                Ok(ListToolsResult { next_cursor: Some("again".to_owned()), ..ListToolsResult::default() })
            }
            Self::Silent => std::future::pending().await,
        }
    }
}

async fn connect(server: Odd) -> McpServer {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    tokio::spawn(async move {
        let running = server.serve(theirs).await.unwrap();
        running.waiting().await.unwrap();
    });
    let time = Duration::from_secs(5);
    let connection = Connection::open(ours, "odd".to_owned(), Opening::Initialize, time).await.unwrap();
    let listing =
        Listing { prefix: String::new(), filter: Box::new(|_| true), policy: Box::new(|_, policy| policy) };
    McpServer::new(connection, listing, time)
}

#[tokio::test]
async fn pages_without_end_are_an_error() {
    let error = connect(Odd::Endless).await.tools().await.unwrap_err();
    assert!(matches!(&error, McpError::Unexpected { what: "tools/list", .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_list_that_does_not_come_is_not_waited_for() {
    let error = connect(Odd::Silent).await.tools().await.unwrap_err();
    let five = Duration::from_secs(5);
    assert!(
        matches!(&error, McpError::TimedOut { what: "tools/list", after, .. } if *after == five),
        "{error}"
    );
}

#[tokio::test]
async fn every_tool_has_a_description_a_root_and_is_there_once() {
    let whole = json!({"$ref": "#/$defs/A", "$defs": {"A": {"type": "object", "properties": {"a": {}}}}});
    let tools = connect(Odd::Tools(json!([
        {"name": "a", "inputSchema": whole},
        {"name": "b", "title": "Bees", "description": " ", "inputSchema": {}},
        {"name": "a", "inputSchema": {"type": "object"}},
    ])));
    let tools = tools.await.tools().await.unwrap();
    let said: Vec<_> = tools.specs().map(|spec| (&*spec.name, spec.description.as_deref())).collect();
    assert_eq!(said, [("a", Some("a")), ("b", Some("Bees"))]);
    for spec in tools.specs() {
        assert_eq!(spec.schema()["type"], json!("object"), "{spec:?}");
    }
    assert_eq!(tools.get("a").unwrap().spec.schema()["properties"], json!({"a": {}}));
}
