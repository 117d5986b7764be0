//! Tools of real servers: the example `mcp_server`, as a child process over stdio and over HTTP on a free port.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::PathBuf;
use std::process::Stdio;
#[cfg(target_os = "linux")]
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bedrock_llm_agent::mcp::{McpBuilder, McpError, McpServer};
use bedrock_llm_agent::{Context, ToolError, ToolOutput, ToolRegistry};
use bedrock_llm_schema::{ToolResultContentBlock, ToolUseBlock};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

/// What the server calls this tool, and the model.
const NESTED: &str = "deeply_nested_deeply_nested_deeply_nested_deeply_nested";

/// What the model reads of a call that a server did not live to answer.
const GONE: &str =
    "failed: the MCP server `workshop` was gone before it answered; if it stays so, connect to it anew";

/// `cargo test` builds the examples beside the test programs.
fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().and_then(|deps| deps.parent()).unwrap().join("examples");
    let path = folder.join(format!("mcp_server{}", std::env::consts::EXE_SUFFIX));
    assert!(
        path.exists(),
        "{} is not built; run `cargo test -p bedrock-llm-agent --features mcp`",
        path.display()
    );
    path
}

async fn over_stdio() -> McpServer {
    McpServer::stdio(Command::new(program())).connect().await.unwrap()
}

/// A server over HTTP, which ends with the handle, and its URL.
async fn http_server() -> (Child, String) {
    let mut command = Command::new(program());
    let mut child = command.arg("http").stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let url = lines.next_line().await.unwrap().unwrap();
    (child, url)
}

async fn over_http() -> (Child, McpServer) {
    let (child, url) = http_server().await;
    (child, McpServer::http(url).connect().await.unwrap())
}

async fn call(tools: &ToolRegistry, name: &str, arguments: Value) -> Result<ToolOutput, ToolError> {
    let call = ToolUseBlock::new("call_1", name, arguments);
    tools.invoke(&call, &Context::new()).await.result
}

fn names(tools: &ToolRegistry) -> Vec<&str> {
    tools.specs().map(|spec| spec.name.as_str()).collect()
}

/// The name that the server's tool of this ending was given.
fn nested(tools: &ToolRegistry) -> String {
    names(tools).into_iter().find(|name| name.starts_with(NESTED)).unwrap().to_owned()
}

/// What every transport and every handshake must do.
async fn all_behave(server: &McpServer) {
    assert_eq!(
        (server.name(), server.instructions().as_deref()),
        ("workshop", Some("Add before you count."))
    );
    let tools = server.tools().await.unwrap();
    assert_eq!(tools.len(), 12, "all pages: {tools:?}");

    let sum = call(&tools, "add", json!({"a": 1, "b": 2})).await.unwrap();
    assert_eq!(sum, ToolOutput::json(json!({"sum": 3.0})));
    let bad = call(&tools, "add", json!({"a": 1})).await.unwrap_err();
    assert_eq!(bad.to_string(), r#"bad arguments: "b" is a required property"#);
    assert_eq!(call(&tools, "counter_increment", json!({})).await.unwrap(), ToolOutput::text("1"));
    assert_eq!(call(&tools, "counter_increment", json!(null)).await.unwrap(), ToolOutput::text("2"));
    assert_eq!(call(&tools, "counter_reset", json!({})).await.unwrap(), ToolOutput::text("it was 2"));

    let shown = call(&tools, "show", json!({})).await.unwrap();
    let [text, image, note] = shown.content() else { panic!("{shown:?}") };
    assert_eq!(text, &ToolResultContentBlock::Text("a picture and a note:".into()));
    assert!(matches!(image, ToolResultContentBlock::Image(image) if image.dimensions() == Some((2, 2))));
    assert_eq!(note, &ToolResultContentBlock::Text("note://1:\nremember".into()));

    let failed = call(&tools, "fail", json!({})).await.unwrap_err();
    assert_eq!(failed.to_string(), "failed: there is no such city");
    assert!(failed.is_retryable());
    let refused = call(&tools, "refuse", json!({})).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "failed: the MCP server `workshop` refused: this is never right (code -32602)"
    );
    assert!(!refused.is_retryable());
}

#[tokio::test]
async fn over_stdio_all_behave() {
    all_behave(&over_stdio().await).await;
}

#[tokio::test]
async fn over_http_all_behave() {
    let (_child, server) = over_http().await;
    all_behave(&server).await;
}

#[tokio::test]
async fn opened_with_discover_all_behave() {
    let server = McpServer::stdio(Command::new(program())).discover().connect().await.unwrap();
    all_behave(&server).await;
    let (_child, url) = http_server().await;
    all_behave(&McpServer::http(url).discover().connect().await.unwrap()).await;
}

#[tokio::test]
async fn names_schemas_and_hints_are_made_fit() {
    let server = McpServer::stdio(Command::new(program()))
        .prefix("shop_")
        .filter(|tool| tool.name != "die" && tool.name != "hang")
        .policy(|tool, policy| if tool.name == "add" { policy.group("sums") } else { policy })
        .connect()
        .await
        .unwrap();
    let tools = server.tools().await.unwrap();
    assert_eq!(
        names(&tools)[..3],
        ["shop_add", "shop_counter_increment", "shop_counter_reset"],
        "the order is the server's"
    );
    assert!(names(&tools).iter().all(|name| name.starts_with("shop_") && name.len() <= 64), "{tools:?}");
    assert!(tools.get("shop_die").is_none() && tools.get("shop_hang").is_none());
    assert_eq!(names(&tools), names(&server.tools().await.unwrap()));

    assert_eq!(tools.get("shop_counter_reset").unwrap().spec.schema()["type"], json!("object"));
    let idempotent = |name: &str| tools.get(name).unwrap().policy.is_idempotent;
    assert!(
        idempotent("shop_add") && idempotent("shop_counter_reset") && !idempotent("shop_counter_increment")
    );
    assert_eq!(tools.get("shop_add").unwrap().policy.timeout, Some(Duration::from_secs(60)));
    assert_eq!(names(&tools.group("sums")), ["shop_add"]);
    // the server hears its own name
    let increment = call(&tools, "shop_counter_increment", json!({})).await.unwrap();
    assert_eq!(increment, ToolOutput::text("1"));
}

#[tokio::test]
async fn a_schema_that_is_none_is_named_and_can_be_left_out() {
    let command = || {
        let mut command = Command::new(program());
        command.arg("bad-schema");
        command
    };
    let server = McpServer::stdio(command()).connect().await.unwrap();
    let error = server.tools().await.unwrap_err();
    assert!(matches!(&error, McpError::Schema { tool, .. } if tool == "odd"), "{error}");
    let server = McpServer::stdio(command()).filter(|tool| tool.name != "odd").connect().await.unwrap();
    assert_eq!(server.tools().await.unwrap().len(), 12);
}

#[tokio::test]
async fn headers_and_token_are_sent() {
    let (_child, url) = http_server().await;
    let server =
        McpServer::http(url).header("x-team", "blue").bearer_token("a-token").connect().await.unwrap();
    let tools = server.tools().await.unwrap();
    let heard = call(&tools, &nested(&tools), json!({})).await.unwrap();
    assert_eq!(heard, ToolOutput::text(r#"Some("blue") Some("Bearer a-token")"#));
}

/// Waits until the server says so of the calls that hang.
async fn says(tools: &ToolRegistry, expected: &str) {
    for _ in 0..2000 {
        let said = call(tools, "hung", json!({})).await.unwrap();
        if said == ToolOutput::text(expected) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the server does not say {expected}");
}

/// A call that is out of time, and one that is cancelled: the server is told of both.
async fn calls_can_be_given_up(server: McpServer) {
    let tools = server.tools().await.unwrap();
    let timed_out = call(&tools, "hang", json!({})).await.unwrap_err();
    assert!(matches!(timed_out, ToolError::TimedOut { .. }), "{timed_out}");
    says(&tools, "1 hung, 1 cancelled").await;

    let cancellation = CancellationToken::new();
    let context = Context::new().with_cancellation(cancellation.clone());
    let hang = ToolUseBlock::new("call_1", "hang_long", json!({}));
    let (invoked, ()) = tokio::join!(tools.invoke(&hang, &context), async {
        says(&tools, "2 hung, 1 cancelled").await;
        cancellation.cancel();
    });
    assert!(matches!(invoked.result, Err(ToolError::Cancelled)), "{:?}", invoked.result);
    says(&tools, "2 hung, 2 cancelled").await;
    server.close().await;
}

fn impatient<T>(builder: McpBuilder<T>) -> McpBuilder<T> {
    builder.policy(|tool, policy| match tool.name.as_str() {
        "hang" => policy.timeout(Duration::from_millis(300)),
        _ => policy,
    })
}

#[tokio::test]
async fn a_call_that_hangs_is_given_up_over_stdio() {
    calls_can_be_given_up(impatient(McpServer::stdio(Command::new(program()))).connect().await.unwrap())
        .await;
}

#[tokio::test]
async fn a_call_that_hangs_is_given_up_over_http() {
    let (_child, url) = http_server().await;
    calls_can_be_given_up(impatient(McpServer::http(url)).connect().await.unwrap()).await;
}

#[tokio::test]
async fn tools_that_change_are_listed_anew() {
    let (_child, http) = over_http().await;
    let (_other, url) = http_server().await;
    let servers = [
        over_stdio().await,
        http,
        McpServer::stdio(Command::new(program())).discover().connect().await.unwrap(),
        McpServer::http(url).discover().connect().await.unwrap(),
    ];
    for server in servers {
        let before = server.tools().await.unwrap();
        // the subscription that `discover` needs stands some time after the connection
        let mut growing = tokio::time::interval(Duration::from_millis(20));
        let grow = async {
            loop {
                growing.tick().await;
                call(&before, "grow", json!({})).await.unwrap();
            }
        };
        tokio::select! {
            changed = server.tools_changed() => changed.unwrap(),
            () = grow => {}
        }
        let after = server.tools().await.unwrap();
        assert_eq!((before.get("grown").is_some(), after.len()), (false, 13));
        assert_eq!(call(&after, "grown", json!({})).await.unwrap(), ToolOutput::text("here"));
        server.close().await;
        assert!(matches!(server.tools_changed().await, Err(McpError::Closed { .. })));
    }
}

#[tokio::test]
async fn a_server_that_dies_in_a_call_is_gone_until_another_is_started() {
    let server = over_stdio().await;
    let tools = server.tools().await.unwrap();
    for name in ["die", "counter_increment"] {
        let error = call(&tools, name, json!({})).await.unwrap_err();
        assert_eq!((error.to_string().as_str(), error.is_retryable()), (GONE, false));
    }
    assert!(matches!(server.tools().await, Err(McpError::Closed { .. })));
    server.close().await;
    assert!(server.is_closed());

    let another = over_stdio().await;
    let tools = another.tools().await.unwrap();
    assert_eq!(call(&tools, "counter_increment", json!({})).await.unwrap(), ToolOutput::text("1"));
}

#[tokio::test]
async fn a_server_over_http_that_dies_fails_the_call_and_the_next_connection() {
    let (mut child, url) = http_server().await;
    let server = McpServer::http(&url).connect().await.unwrap();
    let tools = server.tools().await.unwrap();
    let error = call(&tools, "die", json!({})).await.unwrap_err();
    assert_eq!(error.to_string(), GONE);
    child.wait().await.unwrap();
    let error = call(&tools, "counter_increment", json!({})).await.unwrap_err();
    assert_eq!(error.kind(), "failed", "{error}");
    assert!(error.to_string().contains("the MCP server `workshop` is not reached"), "{error}");

    let error = McpServer::http(&url).connect().await.unwrap_err();
    assert!(matches!(&error, McpError::Connect { server, .. } if *server == url), "{error}");
}

#[cfg(target_os = "linux")]
fn is_running(id: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

/// Starts the server through a shell that tells its id, which is the server's.
#[cfg(target_os = "linux")]
async fn with_id() -> (McpServer, u32) {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let file = std::env::temp_dir().join(format!("bedrock-llm-mcp-{}-{number}", std::process::id()));
    let mut command = Command::new("sh");
    command.arg("-c").arg("echo $$ > \"$0\"; exec \"$1\"").arg(&file).arg(program());
    let server = McpServer::stdio(command).connect().await.unwrap();
    let id = std::fs::read_to_string(&file).unwrap().trim().parse().unwrap();
    std::fs::remove_file(&file).unwrap();
    (server, id)
}

#[cfg(target_os = "linux")]
async fn ends(id: u32) {
    for _ in 0..2000 {
        if !is_running(id) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("process {id} runs on");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_process_ends_with_the_connection() {
    let (server, id) = with_id().await;
    assert!(is_running(id));
    server.close().await;
    assert!(!is_running(id), "`close` waits for it");

    let (server, id) = with_id().await;
    let tools = server.tools().await.unwrap();
    drop(server);
    // the tools keep it
    assert_eq!(call(&tools, "counter_increment", json!({})).await.unwrap(), ToolOutput::text("1"));
    assert!(is_running(id));
    drop(tools);
    ends(id).await;
}

#[cfg(target_os = "linux")]
#[test]
fn the_process_ends_with_the_runtime() {
    for mut builder in
        [tokio::runtime::Builder::new_current_thread(), tokio::runtime::Builder::new_multi_thread()]
    {
        let runtime = builder.enable_all().build().unwrap();
        let (server, id) = runtime.block_on(with_id());
        assert!(is_running(id));
        drop(runtime);
        for _ in 0..2000 {
            if !is_running(id) {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(!is_running(id), "process {id} runs on");
        drop(server);
    }
}

#[tokio::test]
async fn what_is_no_server_is_told() {
    let missing = McpServer::stdio(Command::new("no-such-program-anywhere")).connect().await.unwrap_err();
    assert!(
        matches!(&missing, McpError::Start { server, .. } if server == "no-such-program-anywhere"),
        "{missing}"
    );

    let ends = McpServer::stdio(Command::new("true")).connect().await.unwrap_err();
    assert!(matches!(&ends, McpError::Connect { server, .. } if server == "true"), "{ends}");

    let mut silent = Command::new("sleep");
    silent.arg("600");
    let after = Duration::from_millis(50);
    let silent = McpServer::stdio(silent).connect_timeout(after).connect().await.unwrap_err();
    assert!(matches!(&silent, McpError::TimedOut { what: "connect", .. }), "{silent}");

    let prefix = McpServer::stdio(Command::new("true")).prefix("a.b").connect().await.unwrap_err();
    assert!(matches!(&prefix, McpError::Option { option: "prefix", .. }), "{prefix}");
    let url = McpServer::http("example.com/mcp?key=secret").connect().await.unwrap_err();
    assert!(matches!(&url, McpError::Option { option: "url", .. }), "{url}");
    assert!(!url.to_string().contains("secret"), "{url}");
}

/// Answers every request over HTTP with this, and gives its URL.
async fn answering(head: &'static str, body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            assert!(stream.read(&mut request).await.unwrap() > 0, "a request came");
            let length = body.len();
            let answer =
                format!("HTTP/1.1 {head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
            // what is left unread would take the answer back
            tokio::io::copy(&mut stream, &mut tokio::io::sink()).await.unwrap();
        }
    });
    url
}

#[tokio::test]
async fn a_server_that_refuses_the_connection_says_why() {
    let url = answering("401 Unauthorized\r\nwww-authenticate: Bearer", "").await;
    let error = McpServer::http(&url).bearer_token("wrong").connect().await.unwrap_err();
    assert!(matches!(&error, McpError::Unauthorized { server } if *server == url), "{error:?}");

    let refusal = r#"{"jsonrpc":"2.0","id":0,"error":{"code":-32601,"message":"Method not found"}}"#;
    let url = answering("200 OK\r\ncontent-type: application/json", refusal).await;
    let error = McpServer::http(&url).connect().await.unwrap_err();
    assert!(matches!(&error, McpError::Opening { opening: "initialize", .. }), "{error:?}");
    let error = McpServer::http(&url).discover().connect().await.unwrap_err();
    assert!(matches!(&error, McpError::Opening { opening: "server/discover", .. }), "{error:?}");

    let url = answering("200 OK\r\ncontent-type: text/html", "<html>").await;
    let error = McpServer::http(&url).connect().await.unwrap_err();
    assert!(matches!(&error, McpError::Connect { .. }), "{error:?}");
}

#[test]
fn a_server_can_be_shared() {
    fn is_shared<T: Send + Sync + 'static>() {}
    is_shared::<McpServer>();
    is_shared::<McpError>();
}

#[test]
fn debug_shows_no_secrets() {
    let mut command = Command::new("server");
    command.arg("a-secret").env("KEY", "a-secret");
    let stdio = format!("{:?}", McpServer::stdio(command));
    let http = McpServer::http("https://a-secret@example.com/mcp?k=a-secret").bearer_token("a-secret");
    let http = format!("{:?}", http.header("x-key", "a-secret"));
    for shown in [stdio, http] {
        assert!(!shown.contains("a-secret"), "{shown}");
    }
}
